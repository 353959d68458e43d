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

func TestRawValue_M3_byte_by_byte(t *testing.T) {
	const stream = "MESSAGE\nack:a\\c:b\\\\\nack:second\nplain:x:y\nacknowledged:no\nn\\cack:z\ncr:\r\\r\r\r\n\n\x00"
	d := wire.NewDecoder(wire.DecoderConfig{})
	d.SetVersion(wire.V12)
	d.Feed([]byte(stream), true)
	var f wire.Frame
	if ok, err := d.Next(&f); !ok || err != nil {
		t.Fatalf("%t, %v", ok, err)
	}
	raw := d.Raw()
	for _, c := range []struct {
		name    string
		version wire.Version
		value   string
		ok      bool
	}{
		{"ack", wire.V12, `a\c:b\\`, true},
		{"plain", wire.V12, "x:y", true},
		{"acknowledged", wire.V12, "no", true},
		{"cr", wire.V12, "\r\\r\r", true},
		{"cr", wire.V11, "\r\\r\r\r", true},
		{"n:ack", wire.V12, "", false},
		{"none", wire.V12, "", false},
	} {
		if value, ok := wire.RawValue(raw, c.name, c.version); value != c.value || ok != c.ok {
			t.Errorf("%s in %s: %q, %t; want %q, %t", c.name, c.version, value, ok, c.value, c.ok)
		}
	}
	if value := wire.Get(f.Header, "ack"); value != `a::b\` {
		t.Errorf("without its escapes it is %q", value)
	}
	if ok, err := d.Next(&f); ok || err != nil || d.Raw() != "" {
		t.Errorf("the decoder still has %q: %t, %v", d.Raw(), ok, err)
	}
}
