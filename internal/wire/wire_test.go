package wire_test

import (
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

func TestLookup_F8_the_first_one_counts(t *testing.T) {
	h := header("foo", "1", "bar", "", "foo", "2", "Foo", "3")
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"foo", "1", true},
		{"bar", "", true},
		{"Foo", "3", true},
		{"baz", "", false},
		{"", "", false},
	} {
		if value, ok := wire.Lookup(h, c.name); value != c.value || ok != c.ok {
			t.Errorf("Lookup %q: %q, %t", c.name, value, ok)
		}
		if value := wire.Get(h, c.name); value != c.value {
			t.Errorf("Get %q: %q", c.name, value)
		}
	}
	if _, ok := wire.Lookup(nil, "foo"); ok {
		t.Error("Lookup found something in nothing")
	}
}
