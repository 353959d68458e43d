package stomp_test

import (
	"slices"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// repeated returns a header in which a name stands several times.
func repeated() stomp.Header {
	return stomp.Header{{"a", "1"}, {"b", ""}, {"a", "2"}, {"c", "3"}, {"a", "4"}}
}

func TestHeader_F8_first_entry_counts(t *testing.T) {
	h := repeated()
	if got := h.Get("a"); got != "1" {
		t.Errorf("Get(a) is %q, want the first entry's", got)
	}
	if v, ok := h.Lookup("b"); v != "" || !ok {
		t.Errorf("Lookup(b) is %q, %t: an empty value is there", v, ok)
	}
	if v, ok := h.Lookup("x"); v != "" || ok {
		t.Errorf("Lookup(x) is %q, %t: it is not there", v, ok)
	}
	if h.Get("A") != "" {
		t.Error("names are case-sensitive")
	}
}

func TestHeader_F8_All_keeps_history_in_wire_order(t *testing.T) {
	var got stomp.Header
	for name, value := range repeated().All() {
		got.Add(name, value)
	}
	if !slices.Equal(got, repeated()) {
		t.Errorf("All yields %v", got)
	}
	for name := range repeated().All() {
		if name != "a" {
			t.Error("All went on after a break")
		}
		break
	}
}

func TestHeader_Set(t *testing.T) {
	for name, c := range map[string]struct {
		name string
		want stomp.Header
	}{
		"keeps_the_first_place_and_drops_the_rest": {"a", stomp.Header{{"a", "new"}, {"b", ""}, {"c", "3"}}},
		"replaces_the_only_one":                    {"b", stomp.Header{{"a", "1"}, {"b", "new"}, {"a", "2"}, {"c", "3"}, {"a", "4"}}},
		"appends_what_is_missing":                  {"x", append(repeated(), [2]string{"x", "new"})},
	} {
		t.Run(name, func(t *testing.T) {
			h := repeated()
			h.Set(c.name, "new")
			if !slices.Equal(h, c.want) {
				t.Errorf("Set gives %v, want %v", h, c.want)
			}
		})
	}
}

func TestHeader_Del_removes_every_one(t *testing.T) {
	h := repeated()
	h.Del("a")
	if want := (stomp.Header{{"b", ""}, {"c", "3"}}); !slices.Equal(h, want) {
		t.Errorf("Del leaves %v, want %v", h, want)
	}
}

func TestHeader_Clone_shares_nothing(t *testing.T) {
	h := repeated()
	clone := h.Clone()
	clone.Set("a", "changed")
	clone[1][1] = "changed"
	if !slices.Equal(h, repeated()) {
		t.Errorf("a change to the clone reached the original: %v", h)
	}
	if stomp.Header(nil).Clone() != nil {
		t.Error("the clone of nil is not nil")
	}
}

func TestHeader_zero_value_is_ready(t *testing.T) {
	var h stomp.Header
	h.Del("a")
	h.Set("a", "1")
	h.Add("a", "2")
	if want := (stomp.Header{{"a", "1"}, {"a", "2"}}); !slices.Equal(h, want) {
		t.Errorf("the header is %v, want %v", h, want)
	}
}
