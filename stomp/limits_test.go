package stomp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// F12: a frame above a limit is refused before it is written, alone: the session goes on.
func TestWithLimits_F12_sent(t *testing.T) {
	limits := stomp.WithLimits(stomp.Limits{Body: 10, Header: 300, Entries: 5})
	for name, c := range map[string]struct {
		send func(*testing.T, *stomp.Client) error
		want stomp.LimitError
		text string
	}{
		"body": {func(t *testing.T, c *stomp.Client) error { return c.Send(t.Context(), "/a", make([]byte, 11)) },
			stomp.LimitError{What: "body", Limit: 10, Size: 11}, "stomp: send /a: body of 11 bytes is above the limit of 10 (see WithLimits)"},
		"body_beyond_its_own_buffer": {func(t *testing.T, c *stomp.Client) error { return c.Send(t.Context(), "/a", make([]byte, 100_000)) },
			stomp.LimitError{What: "body", Limit: 10, Size: 100_000}, "stomp: send /a: body of 100000 bytes is above the limit of 10 (see WithLimits)"},
		"one_entry": {func(t *testing.T, c *stomp.Client) error {
			return c.Send(t.Context(), "/a", nil, stomp.WithHeader("x", strings.Repeat("v", 298)))
		}, stomp.LimitError{What: "header", Limit: 300, Size: 301}, "stomp: send /a: header of 301 bytes is above the limit of 300 (see WithLimits)"},
		"header_in_sum": {func(t *testing.T, c *stomp.Client) error {
			return c.Send(t.Context(), "/a", nil, stomp.WithHeader("x", strings.Repeat("v", 150)), stomp.WithHeader("y", strings.Repeat("v", 150)))
		}, stomp.LimitError{What: "header", Limit: 300, Size: 350}, "stomp: send /a: header of 350 bytes is above the limit of 300 (see WithLimits)"},
		"entries": {func(t *testing.T, c *stomp.Client) error {
			return c.Send(t.Context(), "/a", []byte("x"), stomp.WithHeader("1", ""), stomp.WithHeader("2", ""), stomp.WithHeader("3", ""))
		}, stomp.LimitError{What: "header entries", Limit: 5, Size: 6}, "stomp: send /a: 6 header entries are above the limit of 5 (see WithLimits)"},
		"SUBSCRIBE": {func(t *testing.T, c *stomp.Client) error {
			_, err := c.Subscribe(t.Context(), "/a", stomp.WithSelector(strings.Repeat("v", 300)))
			return err
		}, stomp.LimitError{What: "header", Limit: 300, Size: 310}, "stomp: subscribe /a: header of 310 bytes is above the limit of 300 (see WithLimits)"},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := rig.Session(t, limits)
			err := c.send(t, client)
			rig.ErrorLimit(t, err, c.want)
			rig.Unsent(t, err)
			rig.ErrorText(t, err, c.text)
			rig.OK(t, client.Send(t.Context(), "/next", make([]byte, 10)))
			if f := p.Raw(); !strings.HasPrefix(f, "SEND\ndestination:/next\n") {
				t.Errorf("the refused frame left %q on the wire", f)
			}
			if n := client.Stats().Subscriptions; n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
		})
	}
}

// F12: a received frame above a limit ends the session, with nothing reserved on the word of a length.
func TestWithLimits_F12_received(t *testing.T) {
	for name, c := range map[string]struct {
		sends string
		want  stomp.LimitError
	}{
		"announced":  {"MESSAGE\ncontent-length:1099511627776\n\n", stomp.LimitError{What: "body", Limit: 10, Size: 1 << 40}},
		"unbounded":  {"MESSAGE\n\n12345678901", stomp.LimitError{What: "body", Limit: 10, Size: 11}},
		"one_header": {"MESSAGE\nx:" + strings.Repeat("v", 300), stomp.LimitError{What: "header", Limit: 300, Size: 301}},
		"entries":    {"MESSAGE\n1:\n2:\n3:\n4:\n5:\n6:\n\n", stomp.LimitError{What: "header entries", Limit: 5, Size: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := rig.Session(t, stomp.WithLimits(stomp.Limits{Body: 10, Header: 300, Entries: 5}))
			p.SendRaw(c.sends)
			<-client.Done()
			rig.ErrorLimit(t, client.Err(), c.want)
			rig.ErrorIs(t, client.Err(), stomp.ErrConnectionLost)
		})
	}
}

func TestWithLimits_F12_CONNECTED(t *testing.T) {
	p, connect := rig.NewServer(t).Start(stomp.WithLimits(stomp.Limits{Header: 300}))
	p.Raw()
	p.SendRaw("CONNECTED\nx:" + strings.Repeat("v", 300))
	err := connect.Err()
	limit := rig.ErrorAs[stomp.LimitError](t, err)
	if limit.What != "header" {
		t.Errorf("the error is %v, want a *LimitError", err)
	}
}

func TestWithLimits_F12_CONNECT(t *testing.T) {
	err := rig.ConnectError(t, t.Context(), "tcp://broker.test", stomp.WithLimits(stomp.Limits{Header: 100}), stomp.WithLogin("u", strings.Repeat("s", 100)))
	rig.ErrorAs[stomp.LimitError](t, err)
	rig.ErrorHides(t, err, "ssss")
}

func TestWithLimits_F12_zero_fields_keep_their_defaults(t *testing.T) {
	p, client := rig.Session(t, stomp.WithLimits(stomp.Limits{Body: 10}))
	unmatched := client.Unmatched(t.Context())
	var header strings.Builder
	for i := range 999 {
		fmt.Fprintf(&header, "h%d:%060d\n", i, i)
	}
	p.SendRaw("MESSAGE\nsubscription:x\n" + header.String()[:60_000][:strings.LastIndexByte(header.String()[:60_000], '\n')+1] + "\n1234567890\x00")
	if f := <-unmatched; len(f.Body) != 10 {
		t.Errorf("a frame within the limits came as %v (%v)", f, client.Err())
	}
}
