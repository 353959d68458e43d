package stomp_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What each option puts on the wire.
func TestSend_frame_of_each_option(t *testing.T) {
	send := func(body string, opts ...stomp.SendOption) func(context.Context, *stomp.Client) error {
		return func(ctx context.Context, c *stomp.Client) error { return c.Send(ctx, "/a", []byte(body), opts...) }
	}
	sendJSON := func(v any, opts ...stomp.SendOption) func(context.Context, *stomp.Client) error {
		return func(ctx context.Context, c *stomp.Client) error { return c.SendJSON(ctx, "/a", v, opts...) }
	}
	for _, tc := range []struct {
		name string
		send func(context.Context, *stomp.Client) error
		want string
	}{
		{"M1_F11", send("hello"), "SEND\ndestination:/a\ncontent-type:text/plain\ncontent-length:5\n\nhello\x00"},
		{"F9_no_body", send(""), "SEND\ndestination:/a\ncontent-type:text/plain\n\n\x00"},
		{"F3_NUL_in_body", send("a\x00b\n"), "SEND\ndestination:/a\ncontent-type:text/plain\ncontent-length:4\n\na\x00b\n\x00"},
		{"F11_WithoutContentLength", send("hello", stomp.WithoutContentLength()), "SEND\ndestination:/a\ncontent-type:text/plain\n\nhello\x00"},
		{"WithContentType", send("<a/>", stomp.WithContentType("text/xml;charset=utf-8")), "SEND\ndestination:/a\ncontent-type:text/xml;charset=utf-8\ncontent-length:4\n\n<a/>\x00"},
		{"WithContentType_none", send("x", stomp.WithContentType("")), "SEND\ndestination:/a\ncontent-length:1\n\nx\x00"},
		{"WithReplyTo", send("x", stomp.WithReplyTo("/queue/r")), "SEND\ndestination:/a\ncontent-type:text/plain\nreply-to:/queue/r\ncontent-length:1\n\nx\x00"},
		{"WithHeader_F6_escaped", send("", stomp.WithHeader("a:b", "c\nd\\e\r"), stomp.WithHeader("empty", "")),
			"SEND\ndestination:/a\ncontent-type:text/plain\na\\cb:c\\nd\\\\e\\r\nempty:\n\n\x00"},
		{"last_one_counts", send("x", stomp.WithContentType("a/b"), stomp.WithContentType("c/d")), "SEND\ndestination:/a\ncontent-type:c/d\ncontent-length:1\n\nx\x00"},
		{"SendJSON", sendJSON(map[string]int{"n": 1}), "SEND\ndestination:/a\ncontent-type:application/json\ncontent-length:7\n\n{\"n\":1}\x00"},
		{"SendJSON_WithContentType", sendJSON(1, stomp.WithContentType("application/x+json")), "SEND\ndestination:/a\ncontent-type:application/x+json\ncontent-length:1\n\n1\x00"},
	} {
		rig.Bubble(t, tc.name, func(t *testing.T) {
			p, c := rig.Session(t)
			rig.OK(t, tc.send(t.Context(), c))
			got := make([]byte, len(tc.want))
			if _, err := io.ReadFull(p.Conn, got); err != nil || string(got) != tc.want {
				t.Errorf("sent %q\nwant %q (%v)", got, tc.want, err)
			}
		})
	}
}

// What is refused alone, before a byte is written.
func TestSend_refuses(t *testing.T) {
	over := rig.Ended()
	limited := stomp.WithLimits(stomp.Limits{Body: 100, Header: 200, Entries: 5})
	for _, tc := range []struct {
		name        string
		ctx         context.Context
		destination string
		body        string
		opts        []stomp.SendOption
		want        any // an error to match, a clause, or a *LimitError
		text        string
	}{
		{"M1_no_destination", nil, "", "x", nil, stomp.ErrNoDestination, "stomp: send: no destination"},
		{"ctx_over", over, "/a", "x", nil, context.Canceled, "stomp: send /a: context canceled"},
		{"NUL_WithoutContentLength", nil, "/a", "a\x00b", []stomp.SendOption{stomp.WithoutContentLength()}, "F4", "content-length"},
		{"F13_NUL_in_header", nil, "/a", "", []stomp.SendOption{stomp.WithHeader("x", "a\x00b")}, "F13", "NUL"},
		{"F13_NUL_in_destination", nil, "/a\x00", "", nil, "F13", "NUL"},
		{"F13_no_name", nil, "/a", "", []stomp.SendOption{stomp.WithHeader("", "b")}, "F13", "without a name"},
		{"F10_not_UTF-8", nil, "/a", "", []stomp.SendOption{stomp.WithHeader("x", "\xff")}, "F10", "UTF-8"},
		{"reserved", nil, "/a", "", []stomp.SendOption{stomp.WithHeader("receipt", "1")}, nil, "use WithReceipt"},
		{"F12_body", nil, "/a", strings.Repeat("x", 101), nil, stomp.LimitError{What: "body", Limit: 100, Size: 101}, "body of 101 bytes is above the limit of 100 (see WithLimits)"},
		{"F12_header", nil, "/a", "", []stomp.SendOption{stomp.WithHeader("x", strings.Repeat("y", 200))}, stomp.LimitError{What: "header", Limit: 200}, "header of "},
		{"F12_entries", nil, "/a", "x", []stomp.SendOption{stomp.WithHeader("a", ""), stomp.WithHeader("b", ""), stomp.WithHeader("c", "")},
			stomp.LimitError{What: "header entries", Limit: 5, Size: 6}, "6 header entries"},
	} {
		rig.Bubble(t, tc.name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			c := rig.Connect(t, b, limited)
			ctx := tc.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			check := func(err error) {
				t.Helper()
				if err == nil || !strings.Contains(err.Error(), tc.text) || !stomp.Unsent(err) {
					t.Fatalf("error %v (unsent %t), want %q", err, stomp.Unsent(err), tc.text)
				}
				switch want := tc.want.(type) {
				case error:
					rig.ErrorIs(t, err, want)
				case string:
					rig.ErrorClause(t, err, want)
				case stomp.LimitError:
					limit := rig.ErrorAs[stomp.LimitError](t, err)
					if limit.What != want.What || limit.Limit != want.Limit || want.Size != 0 && limit.Size != want.Size {
						t.Errorf("error %v", err)
					}
				}
			}
			check(c.Send(ctx, tc.destination, []byte(tc.body), tc.opts...))
			_, err := c.SendAsync(ctx, tc.destination, []byte(tc.body), tc.opts...)
			if !strings.Contains(tc.text, "entries") { // the receipt is one entry more
				check(err)
			}
			if n := c.Stats().ReceiptsPending; n != 0 {
				t.Errorf("%d receipts are pending", n)
			}
			rig.OK(t, c.Send(t.Context(), "/b", nil, stomp.WithReceipt())) // the session is none the worse
			rig.Equal(t, "the broker", rig.Received(b, "destination"), []string{"SEND destination:/b"})
		})
	}
}

func TestSendJSON_that_does_not_encode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		err := c.SendJSON(t.Context(), "/a", func() {})
		if err == nil || !strings.HasPrefix(err.Error(), "stomp: send /a: encoding JSON: json: unsupported type") || !stomp.Unsent(err) {
			t.Error(err)
		}
	})
}

func TestSend_F13_1_0_has_no_escapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithVersions(stomp.V10))
		for _, h := range [][2]string{{"a:b", "c"}, {"a", "b\nc"}, {"a", "b\rc"}} {
			rig.ErrorClause(t, c.Send(t.Context(), "/a", nil, stomp.WithHeader(h[0], h[1])), "F13")
		}
	})
}

func TestSend_F13_1_1_has_no_CR(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithVersions(stomp.V11))
		rig.ErrorClause(t, c.Send(t.Context(), "/a", nil, stomp.WithHeader("a", "b\rc")), "F13")
	})
}

func TestSend_body_is_copied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.Block(c)
		for _, n := range []int{10, 200 << 10} {
			body := bytes.Repeat([]byte("a"), n)
			rig.OK(t, c.Send(t.Context(), "/a", body))
			for i := range body {
				body[i] = 'b'
			}
		}
		p.Want(wire.Send)
		for range 2 {
			if f := p.Want(wire.Send); bytes.Contains(f.Body, []byte("b")) {
				t.Errorf("a body of %d bytes was not copied", len(f.Body))
			}
		}
	})
}

func TestSend_large_bodies(t *testing.T) {
	b := rig.NewBroker(t, stomptest.WithTCP())
	for _, url := range []string{b.URL(), b.TCPURL()} {
		c := rig.Connect(t, url)
		in, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		text, binary := bytes.Repeat([]byte("12345678"), 5<<17), bytes.Repeat([]byte{0, 0xff, '\n', '\r', 0x80}, 1<<20)
		for _, body := range [][]byte{text, binary} {
			rig.OK(t, c.Send(t.Context(), "/queue/a", body, stomp.WithReceipt()))
			if f := <-in; !bytes.Equal(f.Body, body) {
				t.Errorf("%s: %d bytes came of %d", url, len(f.Body), len(body))
			}
		}
		rig.OK(t, c.Close())
	}
}

func TestSend_small_and_large_stay_in_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		in, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		big := strings.Repeat("x", 100<<10)
		for i, n := range rig.Numbers(1, 60) {
			if i%7 == 3 {
				n += big
			}
			rig.OK(t, c.Send(t.Context(), "/queue/a", []byte(n)))
		}
		for i, n := range rig.Numbers(1, 60) {
			if i%7 == 3 {
				n += big
			}
			rig.Body(t, in, n)
		}
	})
}

func TestFlush_waits_for_the_socket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rig.OK(t, c.Flush(t.Context())) // nothing to do
		rig.OK(t, c.Send(t.Context(), "/a", nil))
		start := time.Now()
		err := c.Flush(rig.Within(t, time.Second))
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		if d := time.Since(start); d != time.Second || err.Error() != "stomp: flush: context deadline exceeded" {
			t.Errorf("%v after %v", err, d)
		}
		rest := p.Rest()
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SEND"})
		rig.ErrorIs(t, c.Flush(t.Context()), stomp.ErrClosed)
	})
}
