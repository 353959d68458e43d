package stomp_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// Frames that are carried to a session of another version are encoded anew.
func TestWithRetry_version_F6_F13_encoded_anew(t *testing.T) {
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
			rig.Bubble(t, c.name+"_"+before, func(t *testing.T) {
				server, p, client := rig.Reconnecting(t, c.from)
				if before == "unwritten" {
					p.Block(client)
				}
				r, err := client.SendAsync(t.Context(), "/queue/x", []byte("body"), stomp.WithRetry(), stomp.WithHeader("k", c.value))
				rig.OK(t, err)
				if before == "written" {
					p.Want(wire.Send)
				}
				p.Close()
				server.Release()
				p = server.AcceptSession(c.to)
				if c.clause != "" {
					err := r.Wait(t.Context())
					rig.ErrorClause(t, err, c.clause)
					if stomp.Unsent(err) != (before == "unwritten") || !strings.Contains(err.Error(), "/queue/x") {
						t.Errorf("%v", err)
					}
					server.Attend(p)
					rig.Equal(t, "the next session", server.Carried(), nil)
					return
				}
				raw := p.Raw()
				if !strings.Contains(raw, "\n"+c.raw+"\n") || !strings.HasSuffix(raw, "\n\nbody") {
					t.Errorf("%q lacks %q", raw, c.raw)
				}
				p.Close() // and back again
				p = server.AcceptSession(c.from)
				f := p.Want(wire.Send)
				if v := wire.Get(f.Header, "k"); v != c.value || string(f.Body) != "body" {
					t.Errorf("%q %q", v, f.Body)
				}
				p.Receipt(f)
				rig.OK(t, r.Wait(t.Context()))
			})
		}
	}
}

func TestWithRetry_version_F11_WithoutContentLength_stays_without(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("text"), stomp.WithoutContentLength()))
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("binary")))
		p.Close()
		server.Release()
		p = server.AcceptSession(wire.V11)
		if f := p.Want(wire.Send); wire.Get(f.Header, "content-length") != "" || string(f.Body) != "text" {
			t.Errorf("%v %q", f.Header, f.Body)
		}
		if f := p.Want(wire.Send); wire.Get(f.Header, "content-length") != "6" || string(f.Body) != "binary" {
			t.Errorf("%v %q", f.Header, f.Body)
		}
	})
}

func TestWithRetry_version_an_unwritten_frame_without_receipt_that_cannot_be_encoded_holds_up_no_other(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("1"), stomp.WithHeader("k", "\r")))
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("2")))
		p.Close()
		server.Resume(wire.V11)
		synctest.Wait()
		rig.Equal(t, "the next session", server.Carried(), []string{"SEND /queue/x 2"})
	})
}

func TestWithRetry_version_M2_a_subscription_that_the_version_does_not_have_ends_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		_, err = c.NewSubscription(t.Context(), "/queue/b", stomp.WithAck(stomp.AckClient))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Want(wire.Subscribe)
		p.Close()
		server.Resume(wire.V10)
		rig.Closed(t, sub.C)
		rig.ErrorClause(t, sub.Err(), "M2")
		rig.Equal(t, "the next session", server.Carried(), []string{"SUBSCRIBE /queue/b"})
	})
}
