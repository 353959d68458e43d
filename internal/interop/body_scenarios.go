package interop

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/webstomp/webstomp/stomp"
)

// speaks returns a scenario that allows one version of STOMP and sends a message.
func speaks(v stomp.Version) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		c, err := s.connect(ctx, stomp.WithVersions(v))
		if err != nil {
			return err
		}
		defer c.Close()
		if got := c.Status().Session.Version; got != v {
			return fmt.Errorf("the session speaks %s", got)
		}
		return s.roundTrip(ctx, c, []byte("hello"))
	}
}

// roundTrip sends a body over a topic and over a queue, and expects it back unchanged.
func (s *scene) roundTrip(ctx context.Context, c *stomp.Client, body []byte, opts ...stomp.SendOption) error {
	for _, destination := range []string{s.topic(), s.queue()} {
		sub, err := s.subscribe(ctx, c, destination)
		if err != nil {
			return err
		}
		if err := c.Send(ctx, destination, body, opts...); err != nil {
			return err
		}
		f, err := next(ctx, sub)
		if err != nil {
			return err
		}
		if !bytes.Equal(f.Body, body) {
			return fmt.Errorf("%s: sent %d bytes %.40q, received %d bytes %.40q in %v", destination, len(body), body, len(f.Body), f.Body, f)
		}
		if err := sub.Unsubscribe(ctx); err != nil {
			return err
		}
	}
	return nil
}

// onOneSession makes a round trip on a new connection, which must not break.
func onOneSession(ctx context.Context, s *scene, body []byte, opts ...stomp.SendOption) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.roundTrip(ctx, c, body, opts...); err != nil {
		return err
	}
	if st := c.Status(); st.Epoch != 1 {
		return fmt.Errorf("it took %d sessions", st.Epoch)
	}
	return nil
}

func textBodies(ctx context.Context, s *scene) error {
	for _, text := range []string{"plain", "two\nlines\n", "line ends\r\nof another kind\r", "Grüße, 世界 \U0001f980"} {
		if err := onOneSession(ctx, s, []byte(text)); err != nil {
			return err
		}
		if err := onOneSession(ctx, s, []byte(text), stomp.WithoutContentLength()); err != nil {
			return fmt.Errorf("without a content-length: %w", err)
		}
	}
	return nil
}

func binaryBody(ctx context.Context, s *scene) error {
	body := make([]byte, 1024)
	for i := range body {
		body[i] = byte(i) // every byte, NUL and those that UTF-8 never holds included
	}
	return onOneSession(ctx, s, body, stomp.WithContentType("application/octet-stream"))
}

func emptyBody(ctx context.Context, s *scene) error { return onOneSession(ctx, s, nil) }

func nulBody(ctx context.Context, s *scene) error {
	return onOneSession(ctx, s, []byte("\x00a\x00\x00b\x00"))
}

func largeBody(ctx context.Context, s *scene) error {
	return onOneSession(ctx, s, []byte(strings.Repeat("0123456789abcdef", 1<<16)))
}

// headerEscapes expects user headers to come back unchanged, in 1.1 and in 1.2
// (which can carry a CR as well).
func headerEscapes(ctx context.Context, s *scene) error {
	for _, v := range []stomp.Version{stomp.V11, stomp.V12} {
		c, err := s.connect(ctx, stomp.WithVersions(v))
		if err != nil {
			return err
		}
		if err := s.escapes(ctx, c, v); err != nil {
			c.Close()
			return fmt.Errorf("STOMP %s: %w", v, err)
		}
		c.Close()
	}
	return nil
}

func (s *scene) escapes(ctx context.Context, c *stomp.Client, v stomp.Version) error {
	destination := s.topic()
	sub, err := s.subscribe(ctx, c, destination)
	if err != nil {
		return err
	}
	header := stomp.Header{{"colon", "a:b::c:"}, {"lines", "a\nb\n"}, {"backslash", `\n\\c:\`}, {"blanks", "a b"}, {"letters", "Grüße 世界"}}
	if v == stomp.V12 {
		header.Add("return", "a\r\nb")
	}
	if !s.rawHeaderNames {
		header.Add(`na:me\`, "value")
	}
	var opts []stomp.SendOption
	for name, value := range header.All() {
		opts = append(opts, stomp.WithHeader(name, value))
	}
	if err := c.Send(ctx, destination, []byte("escaped"), opts...); err != nil {
		return err
	}
	f, err := next(ctx, sub)
	if err != nil {
		return err
	}
	for name, value := range header.All() {
		if got, ok := f.Header.Lookup(name); !ok || got != value {
			return fmt.Errorf("header %q: sent %q, received %q (in %v)", name, value, got, f.Header)
		}
	}
	return nil
}

// manyMessages sends 10,000 messages as fast as possible; all arrive in order, on
// the first session.
func manyMessages(ctx context.Context, s *scene) error {
	const n = 10_000
	destination := s.topic()
	c, sub, err := s.listen(ctx, destination)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range n {
		if err := c.Send(ctx, destination, strconv.AppendInt(nil, int64(i), 10)); err != nil {
			return err
		}
	}
	for i := range n {
		f, err := next(ctx, sub)
		if err != nil {
			return fmt.Errorf("%d of %d arrived: %w", i, n, err)
		}
		if string(f.Body) != strconv.Itoa(i) {
			return fmt.Errorf("message %d is %q", i, f.Body)
		}
	}
	if st := c.Status(); st.Epoch != 1 {
		return fmt.Errorf("it took %d sessions", st.Epoch)
	}
	return nil
}
