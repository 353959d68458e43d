package wire_test

import (
	"fmt"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

// Receipt takes what it is for, without an allocation, and leaves the rest to Next (M5). That both read the same is
// what FuzzDecode checks.
func TestDecoder_Receipt(t *testing.T) {
	const rest = "MESSAGE\nsubscription:1\n\n\x00"
	for _, c := range []struct {
		name, in, id string
		version      wire.Version
		ok           bool
	}{
		{"1.2", "RECEIPT\nreceipt-id:r7\n\n\x00", "r7", wire.V12, true},
		{"1.1", "RECEIPT\nreceipt-id:r7\n\n\x00", "r7", wire.V11, true},
		{"behind heart-beats", "\n\nRECEIPT\nreceipt-id:r7\n\n\x00", "r7", wire.V12, true},
		{"1.0 may pad", "RECEIPT\nreceipt-id: r7\n\n\x00", "", wire.V10, false},
		{"no version yet", "RECEIPT\nreceipt-id:r7\n\n\x00", "", "", false},
		{"an escape", "RECEIPT\nreceipt-id:r\\c7\n\n\x00", "", wire.V12, false},
		{"CR LF", "RECEIPT\r\nreceipt-id:r7\r\n\r\n\x00", "", wire.V12, false},
		{"another entry", "RECEIPT\nreceipt-id:r7\nsession:1\n\n\x00", "", wire.V12, false},
		{"another first", "RECEIPT\nsession:1\nreceipt-id:r7\n\n\x00", "", wire.V12, false},
		{"a body, against F9", "RECEIPT\nreceipt-id:r7\n\nbody\x00", "", wire.V12, false},
		{"another command", "MESSAGE\nreceipt-id:r7\n\n\x00", "", wire.V12, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := wire.NewDecoder(wire.DecoderConfig{})
			if c.version != "" {
				d.SetVersion(c.version)
			}
			d.Feed([]byte(c.in+rest), true)
			id, ok := d.Receipt()
			if string(id) != c.id || ok != c.ok {
				t.Fatalf("got %q, %t; want %q, %t", id, ok, c.id, c.ok)
			}
			if !ok {
				return
			}
			if id, ok := d.Receipt(); ok {
				t.Errorf("a MESSAGE was taken for the receipt %q", id)
			}
			var f wire.Frame
			if ok, err := d.Next(&f); !ok || f.Command != wire.Message {
				t.Errorf("then %t, %v, %q; want the MESSAGE", ok, err, f)
			}
		})
	}
	for cut := range len("RECEIPT\nreceipt-id:r7\n\n\x00") { // one that has not come whole is Next's
		d := wire.NewDecoder(wire.DecoderConfig{})
		d.SetVersion(wire.V12)
		d.Feed([]byte("RECEIPT\nreceipt-id:r7\n\n\x00")[:cut], false)
		if id, ok := d.Receipt(); ok {
			t.Errorf("cut at %d: took %q", cut, id)
		}
	}
	d := wire.NewDecoder(wire.DecoderConfig{})
	d.SetVersion(wire.V12)
	in := fmt.Append(nil, "\nRECEIPT\nreceipt-id:r1234567\n\n\x00")
	if n := testing.AllocsPerRun(100, func() {
		d.Feed(in, true)
		if _, ok := d.Receipt(); !ok {
			t.Error("not taken")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A RECEIPT above a limit is Next's to refuse.
func TestDecoder_Receipt_limit(t *testing.T) {
	d := wire.NewDecoder(wire.DecoderConfig{Limits: wire.Limits{Header: 24}})
	d.SetVersion(wire.V12)
	d.Feed([]byte("RECEIPT\nreceipt-id:r1234567\n\n\x00"), true)
	if id, ok := d.Receipt(); ok {
		t.Errorf("took %q", id)
	}
	if _, err := d.Next(new(wire.Frame)); err == nil {
		t.Error("Next took it too")
	}
}
