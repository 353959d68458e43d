package stomptest_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestFrame_String_F8_hides_the_passcode(t *testing.T) {
	f := stomptest.Frame{Command: "CONNECT", Header: [][2]string{{"login", "a"}, {"passcode", "secret"}, {"id", ""}, {"id", "x"}}, Body: []byte("body")}
	if s := f.String(); s != `CONNECT id="" (4 bytes)` {
		t.Errorf("String is %s", s)
	}
	if v, ok := f.Lookup("id"); v != "" || !ok || f.Get("id") != "" || f.Get("login") != "a" {
		t.Errorf("F8: Lookup gives %q, %v", v, ok)
	}
}

func TestWithLogger_hides_the_passcode(t *testing.T) {
	var log bytes.Buffer
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := dial(t, b)
		c.send(wire.Connect, "", "accept-version", "1.2", "login", "guest", "passcode", "topsecret")
		c.next(wire.Error)
		_ = c.ended()
		synctest.Wait()
	}, stomptest.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), stomptest.WithLogin("guest", "guest"))
	for _, want := range []string{"connection opened", "refused: Bad CONNECT", "Access refused for user 'guest'", "connection closed"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "topsecret") {
		t.Error("a passcode is in the log")
	}
}

func TestUpgrade_from_any_origin(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		session(dialAs(t, b, ws.DialOptions{HTTPClient: b.Client(), Header: http.Header{"Origin": {"http://elsewhere.example"}}}))
	})
}

// TestUpgrade_bytes_in_the_same_write sends CONNECT in the same write as the upgrade request: net/http has read it
// when it hands over.
func TestUpgrade_bytes_in_the_same_write(t *testing.T) {
	for _, p := range []stomptest.Profile{stomptest.Generic, stomptest.Artemis} { // the latter looks at each fragment
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			nc, err := b.Client().Transport.(*http.Transport).DialContext(t.Context(), "tcp", "pipe.test:80")
			rig.OK(t, err)
			defer nc.Close()
			var early bytes.Buffer
			rig.OK(t, upgradeRequest(t, b).Write(&early))
			connect := "CONNECT\naccept-version:1.2\n\n\x00"
			early.Write([]byte{0x81, 0x80 | byte(len(connect)), 0, 0, 0, 0}) // a text message under a mask of zeros
			early.WriteString(connect)
			_, err = nc.Write(early.Bytes())
			rig.OK(t, err)
			synctest.Wait()
			answer := make([]byte, 4096)
			if n, err := nc.Read(answer); !bytes.Contains(answer[:n], []byte("CONNECTED")) {
				t.Errorf("%q, %v", answer[:n], err)
			}
		}, stomptest.WithProfile(p))
	}
}
