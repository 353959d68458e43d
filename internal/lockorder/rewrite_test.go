package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestRewrite(t *testing.T) {
	const imports = `package p; import "github.com/webstomp/webstomp/internal/lockorder/checked"; import "sync"; `
	for name, test := range map[string]struct {
		src  string
		want string // up to the declarations that are added
		lock []string
	}{
		"field": {
			`package p; import "sync"; type T struct { mu sync.Mutex; n int }`,
			imports + `type T struct { mu checked.Mutex[lock_T]; n int }`,
			[]string{"p.T"},
		},
		"RWMutex": {
			`package p; import "sync"; type T struct { mu sync.RWMutex }`,
			imports + `type T struct { mu checked.RWMutex[lock_T] }`,
			[]string{"p.T"},
		},
		"generic": {
			`package p; import "sync"; type T[E any] struct { e E; mu sync.Mutex }`,
			imports + `type T[E any] struct { e E; mu checked.Mutex[lock_T] }`,
			[]string{"p.T"},
		},
		"embedded": {
			`package p; import "sync"; type T struct { sync.Mutex }`,
			imports + `type T struct { checked.Mutex[lock_T] }`,
			[]string{"p.T"},
		},
		"several on one line": {
			`package p; import "sync"; type T struct { a, b sync.Mutex; c sync.RWMutex }`,
			imports + `type T struct { a checked.Mutex[lock_T_a]; b checked.Mutex[lock_T_b]; c checked.RWMutex[lock_T_c] }`,
			[]string{"p.T.a", "p.T.b", "p.T.c"},
		},
		"several types": {
			`package p; import "sync"; type ( T struct { mu sync.Mutex }; U struct { mu sync.Mutex } )`,
			imports + `type ( T struct { mu checked.Mutex[lock_T] }; U struct { mu checked.Mutex[lock_U] } )`,
			[]string{"p.T", "p.U"},
		},
		"import with a name": {
			`package p; import s "sync"; type T struct { mu s.Mutex }`,
			strings.Replace(imports, `"sync"`, `s "sync"`, 1) + `type T struct { mu checked.Mutex[lock_T] }`,
			[]string{"p.T"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := rewrite("p.go", []byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "p.go", out, 0); err != nil {
				t.Error(err)
			}
			got, added, _ := strings.Cut(string(out), "\n")
			if got != test.want {
				t.Errorf("became\n\t%s\nwant\n\t%s", got, test.want)
			}
			for _, lock := range test.lock {
				if !strings.Contains(added, `LockName() string { return "`+lock+`" }`) {
					t.Errorf("nothing is called %s in\n%s", lock, added)
				}
			}
		})
	}
}

func TestRewrite_keeps_lines(t *testing.T) {
	const src = "// Package p\npackage p\n\nimport \"sync\"\n\ntype T struct {\n\tmu sync.Mutex // guards n\n\tn int\n}\n"
	out, err := rewrite("p.go", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(src, "\n")[6:9]
	want[0] = "\tmu checked.Mutex[lock_T] // guards n"
	if got := strings.Split(string(out), "\n")[6:9]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("lines 7 to 9 are %q, want %q", got, want)
	}
}

func TestRewrite_leaves_other_files_alone(t *testing.T) {
	for _, src := range []string{
		`package p`,
		`package p; import "sync"; var once sync.Once`,
		`package p; import sync "example.org/mutexes"; type T struct { mu sync.Mutex }`,
	} {
		if out, err := rewrite("p.go", []byte(src)); out != nil || err != nil {
			t.Errorf("%s: %s, %v", src, out, err)
		}
	}
}

func TestRewrite_refuses_what_it_cannot_name(t *testing.T) {
	for _, src := range []string{
		`package p; import "sync"; var mu sync.Mutex`,
		`package p; import "sync"; type T struct { mu *sync.Mutex }`,
		`package p; import "sync"; type T struct { in struct { mu sync.Mutex } }`,
		`package p; import "sync"; func f(mu *sync.RWMutex) {}`,
	} {
		if out, err := rewrite("p.go", []byte(src)); err == nil || !strings.HasPrefix(err.Error(), "p.go:1:") {
			t.Errorf("%s: %s, %v", src, out, err)
		}
	}
}

func TestUnobserved_names_the_pairs_that_did_not_occur(t *testing.T) {
	if err := unobserved(order); err != nil {
		t.Error(err)
	}
	if err := unobserved(order[1:]); err == nil || !strings.HasSuffix(err.Error(), ": "+order[0]) {
		t.Errorf("%v, want an error that names %s", err, order[0])
	}
}
