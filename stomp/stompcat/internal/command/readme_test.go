package command

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every command that the README and the help show has flags that there are.
func TestExamples_parse(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	text := string(readme)
	for _, name := range []string{"--help", "sub", "pub", "req", "ping", "doctor", "bench"} {
		text += outside{}.run(t, name, "--help").out
	}
	text = strings.ReplaceAll(text, "\\\n", " ")
	text = regexp.MustCompile(`'[^'\n]*'`).ReplaceAllString(text, "quoted")
	command := regexp.MustCompile(`(?m)^ *(?:\$ )?(?:[a-z0-9 ./-]+ \| )?stompcat ((?:sub|pub|req|ping|doctor|bench) [^|#\n]*)`)
	for _, match := range command.FindAllStringSubmatch(text, -1) {
		if strings.Contains(match[1], "[") || strings.Contains(match[1], "...") { // a synopsis
			continue
		}
		shown++
		line, _, _ := strings.Cut(match[1], "  ")
		if got := (outside{}).run(t, append(strings.Fields(line), "--help")...); got.status != 0 || got.err != "" {
			t.Errorf("stompcat %s: %s", line, got.err)
		}
	}
	if shown < 25 {
		t.Errorf("%d commands were found, and there are more", shown)
	}
}

// The README's table of exit statuses has those of the help.
func TestExamples_statuses(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	ofHelp := regexp.MustCompile(`(?m)^  (\d[\d-]*) `).FindAllStringSubmatch(statusHelp, -1)
	ofREADME := regexp.MustCompile(`(?m)^\| (\d[\d–]*) \|`).FindAllStringSubmatch(string(readme), -1)
	if len(ofHelp) != len(ofREADME) || len(ofHelp) != 9 {
		t.Errorf("%v, and %v in the README", ofHelp, ofREADME)
	}
}
