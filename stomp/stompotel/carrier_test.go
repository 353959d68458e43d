package stompotel_test

import (
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
)

// A Carrier is a view of a header: the first entry of a name counts, and Set makes it the only one.
func TestCarrier_F8_is_a_view_of_a_header(t *testing.T) {
	h := stomp.Header{{"a", "1"}, {"B", "2"}, {"a", "3"}}
	c := stompotel.Carrier{Header: &h}
	for name, want := range map[string]string{"a": "1", "A": "1", "B": "2", "b": "2", "c": ""} {
		if got := c.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	c.Set("a", "4")
	c.Set("c", "5")
	rig.Equal(t, "names", c.Keys(), []string{"a", "B", "c"})
	rig.Equal(t, "entries", h, stomp.Header{{"a", "4"}, {"B", "2"}, {"c", "5"}})
}
