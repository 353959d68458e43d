package stomp_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// upgradeOf returns the upgrade request that Connect makes with these options, and the session that it leads to.
func upgradeOf(t *testing.T, broker []stomptest.Option, opts ...stomp.ConnectOption) (http.Header, stomp.Session) {
	t.Helper()
	var header http.Header
	b := stomptest.NewBroker(append(broker, stomptest.WithPipe(), stomptest.WithHTTPAuth(func(r *http.Request) int {
		header = r.Header.Clone()
		return 0
	}))...)
	defer b.Close()
	client := rig.Connect(t, b, append(opts, stomp.WithHTTPClient(b.Client()), stomp.WithoutReconnect())...)
	return header, client.Status().Session
}

func TestConnect_W1_subprotocols(t *testing.T) {
	for name, c := range map[string]struct {
		opts    []stomp.ConnectOption
		broker  []stomptest.Option
		offered string
		chosen  string
	}{
		"all_versions":                   {nil, nil, "v12.stomp,v11.stomp,v10.stomp", "v12.stomp"},
		"by_the_versions_offered":        {[]stomp.ConnectOption{stomp.WithVersions(stomp.V10, stomp.V11)}, nil, "v11.stomp,v10.stomp", "v11.stomp"},
		"a_server_that_selects_none":     {nil, []stomptest.Option{stomptest.WithSubprotocols()}, "v12.stomp,v11.stomp,v10.stomp", ""},
		"of_ones_own":                    {[]stomp.ConnectOption{stomp.WithSubprotocols("x.stomp", "v11.stomp")}, nil, "x.stomp,v11.stomp", "v11.stomp"},
		"none":                           {[]stomp.ConnectOption{stomp.WithSubprotocols()}, nil, "", ""},
		"says_nothing_about_the_version": {nil, []stomptest.Option{stomptest.WithSubprotocols("v10.stomp")}, "v12.stomp,v11.stomp,v10.stomp", "v10.stomp"},
	} {
		t.Run(name, func(t *testing.T) {
			header, session := upgradeOf(t, c.broker, c.opts...)
			if got := strings.Join(header.Values("Sec-WebSocket-Protocol"), ","); got != c.offered {
				t.Errorf("offered is %q, want %q", got, c.offered)
			}
			if session.Subprotocol != c.chosen {
				t.Errorf("the session's subprotocol is %q, want %q", session.Subprotocol, c.chosen)
			}
			if strings.HasPrefix(name, "says") && session.Version != stomp.V12 {
				t.Errorf("the session speaks %s: CONNECTED alone decides", session.Version)
			}
		})
	}
}

func TestConnect_upgrade_headers(t *testing.T) {
	mine := http.Header{"Authorization": {"Bearer old"}, "X-Tenant": {"a", "b"}}
	header, _ := upgradeOf(t, nil, stomp.WithHTTPHeader(mine))
	mine.Set("X-Tenant", "changed")
	if header.Get("Authorization") != "Bearer old" || !slices.Equal(header["X-Tenant"], []string{"a", "b"}) {
		t.Errorf("the request carries %v", header)
	}
	if header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("an extension is offered unasked: %v", header.Get("Sec-WebSocket-Extensions"))
	}
	header, _ = upgradeOf(t, []stomptest.Option{stomptest.WithCompression()}, stomp.WithCompression())
	if !strings.HasPrefix(header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
		t.Errorf("WithCompression offers %q", header.Get("Sec-WebSocket-Extensions"))
	}
}

// WithCompression: what both sides say is compressed, and arrives.
func TestWithCompression_compresses_both_ways(t *testing.T) {
	for name, compress := range map[string]bool{"with": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithCompression())
			opts := []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())}
			if compress {
				opts = append(opts, stomp.WithCompression())
			}
			client := rig.Connect(t, b, opts...)
			messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
			rig.OK(t, err)
			body := bytes.Repeat([]byte("webstomp "), 10_000)
			rig.OK(t, client.Send(t.Context(), "/topic/a", body, stomp.WithReceipt()))
			if f := <-messages; !bytes.Equal(f.Body, body) {
				t.Errorf("a body of %d bytes came back as %d", len(body), len(f.Body))
			}
			if st := client.Stats(); compress != (st.BytesSent < 10_000) || compress != (st.BytesReceived < 10_000) {
				t.Errorf("%d bytes sent and %d received for a body of 90,000", st.BytesSent, st.BytesReceived)
			}
		})
	}
}

// W2 and W3: one frame is one message, text where it is valid UTF-8 and else binary; an option forces either, for
// every message. W4: a heart-beat is a message that holds one LF.
func TestWebSocket_W3_W4_message_types(t *testing.T) {
	for name, c := range map[string]struct {
		typ                    stomp.MessageType
		connect, text, invalid ws.MessageType
	}{
		"auto":   {stomp.MessageAuto, ws.Text, ws.Text, ws.Binary},
		"text":   {stomp.MessageText, ws.Text, ws.Text, ws.Text},
		"binary": {stomp.MessageBinary, ws.Binary, ws.Binary, ws.Binary},
	} {
		t.Run(name, func(t *testing.T) {
			p, connect := rig.NewWebServer(t).Start(stomp.WithMessageType(c.typ), stomp.WithHeartBeat(time.Millisecond, 0))
			want := func(what string, wantType ws.MessageType, prefix, suffix string) {
				t.Helper()
				typ, m := p.Message()
				for m == "\n" && suffix != "\n" {
					typ, m = p.Message()
				}
				if typ != wantType || !strings.HasPrefix(m, prefix) || !strings.HasSuffix(m, suffix) {
					t.Errorf("%s came as %d, %q; want %d, %q…%q", what, typ, m, wantType, prefix, suffix)
				}
			}
			want("CONNECT", c.connect, "CONNECT\n", "\n\n\x00")
			p.SendMessage(ws.Binary, "CONNECTED\nversion:1.2\nheart-beat:0,1\n\n\x00") // both types are taken
			client := connect.Client()
			want("W4: the heart-beat", c.text, "\n", "\n")
			for _, body := range []string{"text", "\xff\xfe"} {
				rig.OK(t, client.Send(t.Context(), "/a", []byte(body)))
			}
			_, err := client.Subscribe(t.Context(), "/ä")
			rig.OK(t, err)
			want("a text", c.text, "SEND\n", "\n\ntext\x00")
			want("what is no text", c.invalid, "SEND\n", "\n\n\xff\xfe\x00")
			want("SUBSCRIBE", c.text, "SUBSCRIBE\nid:s1\ndestination:/ä\n", "\n\n\x00")
		})
	}
}

// W2: several frames in one message, one frame over several messages, of either type, with EOLs between.
func TestWebSocket_W2_incoming_messages(t *testing.T) {
	message := func(body string) string {
		return "MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:1\n\n" + body + "\x00"
	}
	for name, messages := range map[string][]string{
		"one_each":                 {message("1"), message("2"), message("3")},
		"all_in_one":               {message("1") + message("2") + message("3")},
		"with_EOLs":                {"\n" + message("1") + "\n", "\n", message("2") + "\n\n" + message("3") + "\n"},
		"one_over_three":           {message("1") + message("2")[:10], message("2")[10:30], message("2")[30:] + message("3")},
		"cut_before_the_NUL":       {strings.TrimSuffix(message("1"), "\x00"), "\x00" + message("2"), message("3")},
		"an_empty_message_between": {message("1"), "", message("2"), message("3")},
	} {
		for _, typ := range []ws.MessageType{ws.Text, ws.Binary} {
			t.Run(name, func(t *testing.T) {
				p, client := rig.NewWebServer(t).Session("version:1.2")
				frames, err := client.Subscribe(t.Context(), "/a", stomp.WithID("x"))
				rig.OK(t, err)
				for _, m := range messages {
					p.SendMessage(typ, m)
				}
				for _, want := range []string{"1", "2", "3"} {
					if f, open := <-frames; !open || string(f.Body) != want {
						t.Fatalf("body %q, want %q (%v)", f.Body, want, client.Err())
					}
				}
			})
		}
	}
}

// W6: the WebSocket library's read limit of 32 KiB is never what bounds a frame, and 64 KiB never what bounds ours.
func TestWebSocket_W6_large_frames(t *testing.T) {
	b := rig.PipeBroker(t)
	client := rig.Connect(t, b)
	messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	for _, n := range []int{32 << 10, 1<<16 - 1, 1 << 16, 3 << 20} {
		body := bytes.Repeat([]byte("ä"), n/2)
		rig.OK(t, client.Send(t.Context(), "/topic/a", body))
		if f := <-messages; !bytes.Equal(f.Body, body) {
			t.Errorf("a body of %d bytes came back as %d", len(body), len(f.Body))
		}
	}
}

// W8: a content-length too short is mended by the end of the message, and counted.
func TestWebSocket_W8_repair(t *testing.T) {
	p, client := rig.NewWebServer(t).Session("version:1.2")
	frames, err := client.Subscribe(t.Context(), "/a", stomp.WithID("x"))
	rig.OK(t, err)
	p.SendMessage(ws.Text, "MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:1\ncontent-length:2\n\n\ufffd\ufffd\x00\n")
	p.SendMessage(ws.Text, "MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:2\ncontent-length:2\n\nok\x00")
	for _, want := range []string{"\ufffd\ufffd", "ok"} {
		rig.Body(t, frames, want)
	}
	if n := client.Stats().Repaired; n != 1 {
		t.Errorf("%d repairs counted, want 1", n)
	}
}

// W8: what comes in the next WebSocket message is another frame, and never the rest of a body.
func TestWebSocket_W8_repair_ends_with_the_message(t *testing.T) {
	p, client := rig.NewWebServer(t).Session("version:1.2")
	frames, err := client.Subscribe(t.Context(), "/a", stomp.WithID("x"))
	rig.OK(t, err)
	p.SendMessage(ws.Text, "MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:1\ncontent-length:5\n\nabcde")
	p.SendMessage(ws.Text, "MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:2\ncontent-length:2\n\nok\x00")
	rig.Closed(t, frames)
	rig.ErrorClause(t, client.Err(), "F3")
}

func TestWithMessageSplit_sizes(t *testing.T) {
	for name, c := range map[string]struct {
		opts []stomp.ConnectOption
		body string
		text bool // each message has to be valid UTF-8 by itself
	}{
		"ASCII":                    {nil, strings.Repeat("x", 1000), true},
		"runes_are_kept_whole":     {nil, strings.Repeat("a€😀", 100), true},
		"binary_is_cut_anywhere":   {nil, strings.Repeat("\xff", 1000), false},
		"forced_text_that_is_none": {[]stomp.ConnectOption{stomp.WithMessageType(stomp.MessageText)}, strings.Repeat("\x80", 1000), false},
	} {
		for _, limit := range []int{4, 7, 100} {
			t.Run(name, func(t *testing.T) {
				p, client := rig.NewWebServer(t).Session("version:1.2", append(c.opts, stomp.WithMessageSplit(limit))...)
				rig.OK(t, client.Send(t.Context(), "/a", []byte(c.body)))
				var all strings.Builder
				for !strings.HasSuffix(all.String(), "\x00") {
					_, m := p.Message()
					if len(m) > limit || m == "" {
						t.Fatalf("a message of %d bytes, want 1 to %d", len(m), limit)
					}
					if c.text && !utf8.ValidString(m) {
						t.Errorf("a character was cut: %q", m)
					}
					all.WriteString(m)
				}
				if f, err := stomp.ParseFrame([]byte(all.String())); err != nil || string(f.Body) != c.body {
					t.Errorf("the pieces make %v, %v", f, err)
				}
			})
		}
	}
}

func TestWithMessageSplit_a_frame_within_the_limit_is_one_message(t *testing.T) {
	p, client := rig.NewWebServer(t).Session("version:1.2", stomp.WithMessageSplit(100))
	rig.OK(t, client.Send(t.Context(), "/a", []byte("short")))
	if _, m := p.Message(); m != "SEND\ndestination:/a\ncontent-type:text/plain\ncontent-length:5\n\nshort\x00" {
		t.Errorf("the message is %q", m)
	}
}

func TestWithMessageSplit_promise13_lets_a_long_frame_through_to_Spring(t *testing.T) {
	b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.Spring))
	for name, opts := range map[string][]stomp.ConnectOption{"split": {stomp.WithMessageSplit(16_000)}, "whole": nil} {
		client := rig.Connect(t, b, append(opts, stomp.WithHTTPClient(b.Client()), stomp.WithoutReconnect())...)
		frames, err := client.Subscribe(t.Context(), "/topic/"+name)
		rig.OK(t, err)
		rig.OK(t, client.Send(t.Context(), "/topic/"+name, bytes.Repeat([]byte("x"), 40_000)))
		f, open := <-frames
		if split := opts != nil; open != split || open && len(f.Body) != 40_000 {
			t.Errorf("%s: open %t, %d bytes", name, open, len(f.Body))
		}
		var closed *stomp.CloseError
		if err := client.Err(); opts == nil && (!errors.As(err, &closed) || closed.Code != 1009 || !strings.Contains(err.Error(), "see WithMessageSplit")) {
			t.Errorf("the error is %v, want one of 1009 that names the option", err)
		}
	}
}

// WithHTTPHeaderFunc replaces what WithHTTPHeader has by the same name, and leaves the rest.
func TestWithHTTPHeaderFunc_replaces_by_name(t *testing.T) {
	header, _ := upgradeOf(t, nil,
		stomp.WithHTTPHeader(http.Header{"Authorization": {"Bearer old"}, "X-Tenant": {"a"}}),
		stomp.WithHTTPHeaderFunc(func(context.Context) (http.Header, error) {
			return http.Header{"Authorization": {"Bearer new"}}, nil
		}))
	if got := header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer new" {
		t.Errorf("Authorization is %q", got)
	}
	if header.Get("X-Tenant") != "a" {
		t.Errorf("X-Tenant is %q", header.Get("X-Tenant"))
	}
}
