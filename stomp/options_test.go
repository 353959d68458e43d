package stomp_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// Options that make no sense, or contradict each other, are an error before anything is dialled.
func TestConnect_options_refused(t *testing.T) {
	dialed := false
	dial := func(context.Context, string) (net.Conn, error) {
		dialed = true
		return nil, errors.New("dialled")
	}
	credentials := func(context.Context) (string, string, error) { return "", "", nil }
	dialer := func(o stomp.ConnectOption) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithDialer(dial), o}
	}
	one := func(o stomp.ConnectOption) []stomp.ConnectOption { return dialer(o) }
	const foreign = "exclude each other: the dialer's stream is not the library's WebSocket"
	for name, c := range map[string]struct {
		opts []stomp.ConnectOption
		want string
	}{
		"no_versions":            {one(stomp.WithVersions()), "WithVersions: no version to offer"},
		"unknown_version":        {one(stomp.WithVersions("1.3")), `WithVersions: unknown version "1.3" (there are 1.0, 1.1 and 1.2)`},
		"version_twice":          {one(stomp.WithVersions(stomp.V12, stomp.V12)), "WithVersions: version 1.2 twice"},
		"login_and_credentials":  {append(one(stomp.WithLogin("a", "secret")), stomp.WithCredentials(credentials)), "WithLogin and WithCredentials exclude each other"},
		"negative_heart_beat":    {one(stomp.WithHeartBeat(-1, 0)), "WithHeartBeat: negative interval (0 disables)"},
		"negative_heart_beat_2":  {one(stomp.WithHeartBeat(0, -time.Second)), "WithHeartBeat: negative interval (0 disables)"},
		"heart_beat_beyond_bits": {one(stomp.WithHeartBeat(0, 1<<63-1)), "WithHeartBeat: an interval above 596h31m23.647s (0 disables)"},
		"unknown_message_type":   {one(stomp.WithMessageType(7)), "WithMessageType: unknown type 7"},
		"ping_of_zero":           {one(stomp.WithPing(0)), "WithPing: the interval must be above 0"},
		"split_of_zero":          {one(stomp.WithMessageSplit(0)), "WithMessageSplit: 0 bytes is below 4, the longest UTF-8 character"},
		"split_of_three":         {one(stomp.WithMessageSplit(3)), "WithMessageSplit: 3 bytes is below 4, the longest UTF-8 character"},
		"negative_limit":         {one(stomp.WithLimits(stomp.Limits{Entries: -1})), "WithLimits: negative limit (0 keeps the default)"},
		"nil_logger":             {one(stomp.WithLogger(nil)), "WithLogger: nil logger"},
		"nil_credentials":        {one(stomp.WithCredentials(nil)), "WithCredentials: nil function"},
		"nil_header_func":        {[]stomp.ConnectOption{stomp.WithHTTPHeaderFunc(nil)}, "WithHTTPHeaderFunc: nil function"},
		"nil_before_connect":     {one(stomp.WithBeforeConnect(nil)), "WithBeforeConnect: nil function"},
		"nil_dialer":             {[]stomp.ConnectOption{stomp.WithDialer(nil)}, "WithDialer: nil function"},
		"nil_option":             {one(nil), "a nil option"},
		"failover_to_nowhere":    {[]stomp.ConnectOption{stomp.WithFailover("ws://two.test", "")}, "WithFailover: URL 2 is bad: it has no scheme: write ws://, wss://, tcp:// or tls:// before the host, as in ws://localhost:15674/ws"},
		"failover_with_a_login":  {[]stomp.ConnectOption{stomp.WithFailover("tcp://u:secret@two.test")}, "WithFailover: URL 1 is bad: tcp takes no user and password: they belong into the login of STOMP (WithLogin)"},
		"negative_buffer":        {one(stomp.WithBuffer(-1, 0, stomp.OverflowBlock)), "WithBuffer: negative bound (0 keeps the default)"},
		"unknown_policy":         {one(stomp.WithBuffer(0, 0, 9)), "WithBuffer: unknown policy 9"},
		"dialer_and_client":      {dialer(stomp.WithHTTPClient(http.DefaultClient)), "WithDialer and WithHTTPClient " + foreign},
		"dialer_and_header":      {dialer(stomp.WithHTTPHeader(http.Header{})), "WithDialer and WithHTTPHeader " + foreign},
		"dialer_and_header_func": {dialer(stomp.WithHTTPHeaderFunc(func(context.Context) (http.Header, error) { return nil, nil })), "WithDialer and WithHTTPHeaderFunc " + foreign},
		"dialer_and_protocols":   {dialer(stomp.WithSubprotocols()), "WithDialer and WithSubprotocols " + foreign},
		"dialer_and_compression": {dialer(stomp.WithCompression()), "WithDialer and WithCompression " + foreign},
		"dialer_and_type":        {dialer(stomp.WithMessageType(stomp.MessageText)), "WithDialer and WithMessageType " + foreign},
		"dialer_and_split":       {dialer(stomp.WithMessageSplit(100)), "WithDialer and WithMessageSplit " + foreign},
		"dialer_and_ping":        {dialer(stomp.WithPing(time.Second)), "WithDialer and WithPing " + foreign},
	} {
		t.Run(name, func(t *testing.T) {
			err := rig.ConnectError(t, t.Context(), "tcp://broker.test", c.opts...)
			rig.ErrorText(t, err, "stomp: connect: options: "+c.want)
			rig.Unsent(t, err)
			if dialed {
				t.Error("it was dialled")
			}
		})
	}
}

// The names that the library writes itself are refused on every call, with the option to use instead.
func TestWithHeader_refused_names(t *testing.T) {
	p, client := rig.Session(t)
	for name, instead := range map[string]string{
		"destination":    "the destination argument",
		"id":             "WithID",
		"ack":            "WithAck",
		"receipt":        "WithReceipt",
		"receipt-id":     "nothing",
		"transaction":    "Begin",
		"content-length": "WithoutContentLength",
		"content-type":   "WithContentType",
		"accept-version": "WithVersions",
		"heart-beat":     "WithHeartBeat",
		"host":           "WithHost",
		"login":          "WithLogin",
		"passcode":       "WithLogin",
		"selector":       "WithSelector",
		"subscription":   "nothing",
		"message-id":     "nothing",
		"reply-to":       "WithReplyTo",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, o := t.Context(), stomp.WithHeader(name, "secret")
			_, connectErr := stomp.Connect(ctx, "tcp://broker.test", o)
			_, subscribeErr := client.Subscribe(ctx, "/a", o)
			_, requestErr := client.Request(ctx, "/a", nil, o)
			_, beginErr := client.Begin(ctx, o)
			for call, err := range map[string]error{
				"connect": connectErr, "subscribe": subscribeErr, "request": requestErr, "begin": beginErr,
				"send": client.Send(ctx, "/a", nil, o), "ack": client.Ack(ctx, stomp.Frame{}, o),
			} {
				if err == nil {
					t.Errorf("%s took it", call)
					continue
				}
				text := err.Error()
				if !strings.HasPrefix(text, "stomp: "+call) || !strings.Contains(text, `WithHeader: "`+name+`" is written by the library; use `+instead) || strings.Contains(text, "secret") {
					t.Errorf("the error of %s says %q", call, text)
				}
				rig.Unsent(t, err)
			}
		})
	}
	err := client.Send(t.Context(), "/a", nil, stomp.WithHeader("", "x"))
	rig.ErrorClause(t, err, "F13")
	// What was refused was not written: the next frame is the first one.
	rig.OK(t, client.Send(t.Context(), "/a", nil, stomp.WithHeader("Destination", "b"), stomp.WithHeader("x", "1"), stomp.WithHeader("x", "2")))
	if got, want := p.Raw(), "SEND\ndestination:/a\ncontent-type:text/plain\nDestination:b\nx:1\nx:2\n\n"; got != want {
		t.Errorf("the frame is %q, want %q", got, want)
	}
}

// nil where an option takes a client, a header or a context is as if it had not been given.
func TestConnect_options_nil(t *testing.T) {
	var none context.Context
	p, connect := rig.NewServer(t).Start(stomp.WithHTTPHeader(nil), stomp.WithHTTPClient(nil), stomp.WithLifetime(none),
		stomp.WithLogger(slog.New(slog.DiscardHandler)), stomp.WithLimits(stomp.Limits{}), stomp.WithBuffer(0, 0, stomp.OverflowBlock))
	p.Handshake("version:1.2")
	connect.Client()
}
