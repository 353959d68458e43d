package docs

import (
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/webstomp/webstomp/"

// option is an option's name, wherever it stands.
var option = regexp.MustCompile(`\bWith[A-Z]\w+`)

// foreign are names of others that look like ours, and stompotel's: a module of its own, which is not imported here.
var foreign = []string{"WithStats", "WithoutCancel", "WithTimeout", "stomp.Dial", "sub.Read", "sub.Active",
	"WithDestinationTemplate", "WithDestinationLimit"}

// member is a name of ours behind the package or the variable that the pages use for a type.
var member = regexp.MustCompile(`\b(stomp|stomptest|client|sub|tx|frame)\.([A-Z]\w+)`)

// What a page names in its text is there: options, names of the packages, and methods.
func TestPages_names_of_ours_exist(t *testing.T) {
	from := exported(t, token.NewFileSet())
	stomp, err := from.Import(module + "stomp")
	if err != nil {
		t.Fatal(err)
	}
	stomptest, err := from.Import(module + "stomp/stomptest")
	if err != nil {
		t.Fatal(err)
	}
	known := func(of, name string) bool {
		switch of {
		case "stomp":
			return stomp.Scope().Lookup(name) != nil
		case "stomptest":
			return stomptest.Scope().Lookup(name) != nil
		}
		typ := map[string]string{"client": "Client", "sub": "Subscription", "tx": "Transaction", "frame": "Frame"}[of]
		found, _, _ := types.LookupFieldOrMethod(stomp.Scope().Lookup(typ).Type(), true, stomp, name)
		return found != nil
	}
	seen := 0
	for _, p := range pages(t) {
		if p.name == "CHANGELOG.md" || strings.HasPrefix(p.name, "stomp/") { // what was, and modules with options of their own
			continue
		}
		p.split(func(n int, line string) {
			for _, name := range option.FindAllString(line, -1) {
				seen++
				if !known("stomp", name) && !known("stomptest", name) && !slices.Contains(foreign, name) {
					t.Errorf("%s:%d: there is no %s", p.name, n, name)
				}
			}
			for _, found := range member.FindAllStringSubmatch(line, -1) {
				seen++
				if !known(found[1], found[2]) && !slices.Contains(foreign, found[0]) {
					t.Errorf("%s:%d: there is no %s", p.name, n, found[0])
				}
			}
		})
	}
	if seen < 200 {
		t.Errorf("only %d names were found: what does the test look at?", seen)
	}
	for _, made := range [][2]string{{"stomp", "WithNothing"}, {"client", "Publish"}, {"sub", "Close"}, {"stomptest", "Kill"}} {
		if known(made[0], made[1]) {
			t.Errorf("%s.%s is taken for something that exists", made[0], made[1])
		}
	}
}
