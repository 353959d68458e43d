package rig

import (
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestLike_takes_any_text_for_an_ellipsis_in_brackets(t *testing.T) {
	for _, c := range []struct {
		got, want string
		like      bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "b", false},
		{"ab", "a", false},
		{"body of 11 bytes is above 10", "body of 11 […] is above 10", true},
		{"body of 11 bytes is above 10", "body of 12 […] is above 10", false},
		{"body of 11 bytes is above 100", "body of 11 […] is above 10", false},
		{"abab", "[…]ab", true},
		{"xaya", "x[…]a", true},
		{"a", "a[…]a", false},
		{"a b c", "a[…]b[…]c", true},
		{"a c", "a[…]b[…]c", false},
	} {
		if like := Like(c.got, c.want); like != c.like {
			t.Errorf("Like(%q, %q) is %t", c.got, c.want, like)
		}
	}
}
