package stomp_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// Frames that are carried to a session of another version are encoded anew.
func TestRetry_Version(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to wire.Version
		value    string
		clause   string // of the error; "": it goes out
		raw      string // the header line on the wire
	}{
		{"F6_colon_12_to_11", wire.V12, wire.V11, "a:b", "", `k:a\cb`},
		{"F6_CR_12_to_11", wire.V12, wire.V11, "a\rb", "F13", ""},
		{"F6_LF_12_to_11", wire.V12, wire.V11, "a\nb", "", `k:a\nb`},
		{"F6_backslash_11_to_12", wire.V11, wire.V12, `a\b`, "", `k:a\\b`},
		{"F6_colon_11_to_10", wire.V11, wire.V10, "a:b", "", `k:a:b`},
		{"F6_backslash_12_to_10", wire.V12, wire.V10, `a\b`, "", `k:a\b`},
		{"F13_LF_12_to_10", wire.V12, wire.V10, "a\nb", "F13", ""},
		{"F6_backslash_10_to_12", wire.V10, wire.V12, `a\b`, "", `k:a\\b`},
		{"F6_colon_10_to_11", wire.V10, wire.V11, "a:b", "", `k:a\cb`},
	} {
		for _, before := range []string{"written", "unwritten"} {
			bubble(t, c.name+"_"+before, func(t *testing.T) {
				l, client, p := trunkRig(t, c.from)
				if before == "unwritten" {
					p.block(client)
				}
				r, err := client.SendAsync(t.Context(), "/queue/x", []byte("body"), stomp.WithRetry(), stomp.WithHeader("k", c.value))
				fine(t, err)
				if before == "written" {
					p.want(wire.Send)
				}
				p.nc.Close()
				close(l.gate)
				p = l.accept(c.to)
				if c.clause != "" {
					err := r.Wait(t.Context())
					breach(t, err, c.clause)
					if stomp.Unsent(err) != (before == "unwritten") || !strings.Contains(err.Error(), "/queue/x") {
						t.Errorf("%v", err)
					}
					l.attend(p)
					same(t, "the next session", l.carried(), nil)
					return
				}
				raw := rawFrame(p)
				if !strings.Contains(raw, "\n"+c.raw+"\n") || !strings.HasSuffix(raw, "\n\nbody") {
					t.Errorf("%q lacks %q", raw, c.raw)
				}
				p.nc.Close() // and back again
				p = l.accept(c.from)
				f := p.want(wire.Send)
				if v := wire.Get(f.Header, "k"); v != c.value || string(f.Body) != "body" {
					t.Errorf("%q %q", v, f.Body)
				}
				p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
				fine(t, r.Wait(t.Context()))
			})
		}
	}
	bubble(t, "F11_WithoutContentLength_stays_without", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/x", []byte("text"), stomp.WithoutContentLength()))
		fine(t, c.Send(t.Context(), "/queue/x", []byte("octets")))
		p.nc.Close()
		close(l.gate)
		p = l.accept(wire.V11)
		if f := p.want(wire.Send); wire.Get(f.Header, "content-length") != "" || string(f.Body) != "text" {
			t.Errorf("%v %q", f.Header, f.Body)
		}
		if f := p.want(wire.Send); wire.Get(f.Header, "content-length") != "6" || string(f.Body) != "octets" {
			t.Errorf("%v %q", f.Header, f.Body)
		}
	})
	bubble(t, "an_unwritten_frame_without_receipt_that_cannot_be_encoded_holds_up_no_other", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/x", []byte("1"), stomp.WithHeader("k", "\r")))
		fine(t, c.Send(t.Context(), "/queue/x", []byte("2")))
		p.nc.Close()
		close(l.gate)
		l.attend(l.accept(wire.V11))
		synctest.Wait()
		same(t, "the next session", l.carried(), []string{"SEND /queue/x 2"})
	})
	bubble(t, "M2_a_subscription_that_the_version_does_not_have_ends_alone", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		fine(t, err)
		_, err = c.NewSubscription(t.Context(), "/queue/b", stomp.WithAck(stomp.AckClient))
		fine(t, err)
		p.want(wire.Subscribe)
		p.want(wire.Subscribe)
		p.nc.Close()
		close(l.gate)
		l.attend(l.accept(wire.V10))
		if _, open := <-sub.C; open {
			t.Error("the channel is open")
		}
		breach(t, sub.Err(), "M2")
		same(t, "the next session", l.carried(), []string{"SUBSCRIBE /queue/b"})
	})
}

// rawFrame reads one frame as it stands on the wire, without its NUL.
func rawFrame(p *peer) string {
	var raw strings.Builder
	one := make([]byte, 1)
	for {
		if _, err := p.nc.Read(one); err != nil {
			p.t.Fatal(err)
		}
		if one[0] == 0 {
			return raw.String()
		}
		raw.WriteByte(one[0])
	}
}
