package stomp_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Promise 8: RabbitMQ's Web STOMP ends the connection of a fast publisher that has promised heart-beats, without a
// word. The error says so where that may have been it, and nowhere else.
func TestSession_promise8_the_price_of_promised_heart_beats(t *testing.T) {
	const hint = "RabbitMQ's Web STOMP drops fast publishers that promise heart-beats: WithHeartBeat(0, …) promises none"
	promises := stomp.WithHeartBeat(time.Second, time.Second)
	for name, c := range map[string]struct {
		profile stomptest.Profile
		opts    []stomp.ConnectOption
		stream  bool
		ends    func(*stomptest.Broker)
		hinted  bool
	}{
		"promised":                     {opts: []stomp.ConnectOption{promises}, hinted: true},
		"promised_for_the_client-id":   {opts: []stomp.ConnectOption{stomp.WithHeader("client-id", "a")}, hinted: true},
		"none_promised":                {},
		"none_promised_by_the_user":    {opts: []stomp.ConnectOption{stomp.WithHeartBeat(0, time.Second)}},
		"over_TCP":                     {opts: []stomp.ConnectOption{promises}, stream: true},
		"with_a_close_frame":           {opts: []stomp.ConnectOption{promises}, ends: func(b *stomptest.Broker) { b.CloseConnections(1000, "STOMP died") }},
		"cut_by_ourselves_for_silence": {opts: []stomp.ConnectOption{promises}, ends: func(b *stomptest.Broker) { b.Silence(true) }},
		"on_Artemis":                   {profile: stomptest.Artemis, opts: []stomp.ConnectOption{promises}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			if c.profile == stomptest.Generic {
				c.profile = stomptest.RabbitMQ
			}
			b := rig.PipeBroker(t, stomptest.WithProfile(c.profile))
			url, way := b.URL(), stomp.WithHTTPClient(b.Client())
			if c.stream {
				url, way = "tcp://pipe.test", stomp.WithDialer(b.Dial)
			}
			client := rig.Connect(t, url, append(c.opts, way)...)
			if c.ends == nil {
				c.ends = (*stomptest.Broker).Cut
			}
			c.ends(b)
			<-client.Done()
			if err := client.Err(); strings.Contains(err.Error(), hint) != c.hinted {
				t.Errorf("the Client ended with %v", err)
			}
		})
	}
	t.Run("a_reset", func(t *testing.T) { // or EOF: the server has not read everything
		p, client := rig.NewWebServer(t).Session("version:1.2\nserver:RabbitMQ/4.3.6\nheart-beat:1000,1000", promises)
		rig.OK(t, client.Send(t.Context(), "/a", make([]byte, 64<<10)))
		rig.OK(t, client.Flush(t.Context()))
		p.Close()
		<-client.Done()
		err := client.Err()
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("the Client ended with %v, want a reset", err)
		}
		rig.ErrorIs(t, err, stomp.ErrConnectionLost)
		rig.ErrorSays(t, err, hint)
	})
}

// Promise 13: RabbitMQ does not say that a frame was too large where it ends a bare connection for it, nor that a
// body was: the error names the limit where a frame was above its default.
func TestSession_promise13_what_was_too_large_for_RabbitMQ(t *testing.T) {
	const (
		frame = "bytes: RabbitMQ takes frames up to stomp.max_frame_size, 4 MiB by default)"
		body  = "bytes: RabbitMQ takes bodies up to max_message_size, 16 MiB by default)"
	)
	for name, c := range map[string]struct {
		server string
		size   int
		web    bool
		hint   string // "": none
	}{
		"TCP_4_MiB":        {"RabbitMQ/4.0.5", 4 << 20, false, "a frame had 419"},
		"TCP_below":        {"RabbitMQ/4.0.5", 4<<20 - 1000, false, ""},
		"TCP_3.12.2":       {"RabbitMQ/3.12.2", 5 << 20, false, frame},
		"TCP_3.12.1":       {"RabbitMQ/3.12.1", 5 << 20, false, ""},
		"TCP_no_version":   {"RabbitMQ", 5 << 20, false, frame},
		"TCP_another":      {"ActiveMQ/6.1.8", 5 << 20, false, ""},
		"web_4":            {"RabbitMQ/4.0.5", 17 << 20, true, body},
		"web_below":        {"RabbitMQ/4.0.5", 15 << 20, true, ""},
		"web_3":            {"RabbitMQ/3.13.7", 17 << 20, true, ""},
		"web_no_version":   {"RabbitMQ", 17 << 20, true, body},
		"web_no_RabbitMQ":  {"Other/1", 17 << 20, true, ""},
		"web_small_frames": {"RabbitMQ/4.0.5", 1, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := rig.NewSocketServer(t)
			if c.web {
				server = rig.NewWebServer(t)
			}
			p, client := server.Session("version:1.2\nserver:" + c.server)
			rig.OK(t, client.Send(t.Context(), "/a", make([]byte, c.size)))
			p.Next()
			if c.web {
				rig.OK(t, p.Web.Close(t.Context(), 1000, "STOMP died"))
			} else {
				p.Close()
			}
			<-client.Done()
			err := client.Err()
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
			if c.hint == "" && strings.Contains(err.Error(), "RabbitMQ takes") {
				t.Errorf("the Client ended with %v", err)
			}
			rig.ErrorSays(t, err, c.hint)
		})
	}
}
