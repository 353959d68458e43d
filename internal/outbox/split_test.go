package outbox

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/ws"
)

// message is a WebSocket message as the peer sees it.
type message struct {
	typ  ws.MessageType
	text string
}

// onWebSocket returns an Outbox on a WebSocket, and what the server gets.
func onWebSocket(t *testing.T, o Options) (r *rig, server *ws.Conn, got <-chan message) {
	t.Helper()
	conns, messages := make(chan *ws.Conn, 1), make(chan message, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(messages)
		c, err := ws.Accept(w, r, ws.AcceptOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		conns <- c
		var text []byte
		for {
			p, final, err := c.Read()
			if err != nil {
				return
			}
			if text = append(text, p...); final {
				messages <- message{c.ReadType(), string(text)}
				text = text[:0]
			}
		}
	}))
	t.Cleanup(s.Close)
	target, err := ws.ParseURL("ws" + strings.TrimPrefix(s.URL, "http"))
	must(t, err)
	conn, err := ws.Dial(t.Context(), target, ws.DialOptions{})
	must(t, err)
	r = onConn(t, conn, o)
	r.run(t)
	return r, <-conns, messages
}

func TestWriter_W2_W3_W4_a_frame_is_a_message(t *testing.T) {
	r, _, got := onWebSocket(t, Options{BeatType: ws.Binary})
	r.mustPut(t, Entry{Type: ws.Text}, "text")
	r.mustPut(t, Entry{Type: ws.Binary}, "\xff")
	r.mustPut(t, Entry{Type: ws.Text, Encoded: []byte(strings.Repeat("ä", chunk))}, "") // in fragments
	must(t, r.AwaitFlush(t.Context(), 3))
	r.w.Beat()
	for _, want := range []message{{ws.Text, "text"}, {ws.Binary, "\xff"}, {ws.Text, strings.Repeat("ä", chunk)}, {ws.Binary, "\n"}} {
		if m := <-got; m != want {
			t.Errorf("type %d, %.20q, want %d, %.20q", m.typ, m.text, want.typ, want.text)
		}
	}
}

func TestWriter_flushes_a_pong(t *testing.T) {
	r, server, _ := onWebSocket(t, Options{})
	over := make(chan struct{})
	go func() { // joined below; the WebSocket answers pings while somebody reads
		defer close(over)
		_, _, _ = r.conn.Read()
	}()
	r.awaitSleep()
	onConn(t, server, Options{}).run(t) // flushes the ping
	must(t, server.Ping(within(t, time.Minute)))
	r.conn.CloseNow()
	<-over
}

func TestWriter_splits_where_Options_say_so(t *testing.T) {
	r, _, got := onWebSocket(t, Options{Split: 8})
	for _, e := range []struct {
		typ    ws.MessageType
		text   string
		pieces []string
	}{
		{ws.Text, "12345678", []string{"12345678"}},
		{ws.Text, "123456789", []string{"12345678", "9"}},
		{ws.Text, "1234567äxxxx567€", []string{"1234567", "äxxxx56", "7€"}},
		{ws.Binary, "1234567äxxxx5", []string{"1234567\xc3", "\xa4xxxx5"}},
		{ws.Text, strings.Repeat("\xa4", 9), []string{strings.Repeat("\xa4", 8), "\xa4"}},
	} {
		before := r.w.Frames()
		must(t, r.AwaitFlush(t.Context(), r.mustPut(t, Entry{Type: e.typ}, e.text)))
		for _, want := range e.pieces {
			if m := <-got; m != (message{e.typ, want}) {
				t.Errorf("type %d, %q, want %d, %q", m.typ, m.text, e.typ, want)
			}
		}
		if n := r.w.Frames() - before; n != 1 {
			t.Errorf("%q counts as %d frames", e.text, n)
		}
	}
}

// No piece of text ends within a character, and none is shorter than it has to be.
func TestWholeRunes_cuts_no_character(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("aäß€語\U0001F600\U0010FFFF")
	for range 2000 {
		var text []byte
		for range 1 + random.IntN(30) {
			text = utf8.AppendRune(text, alphabet[random.IntN(len(alphabet))])
		}
		limit := MinSplit + random.IntN(8)
		for rest := text; len(rest) > limit; {
			n := wholeRunes(rest, limit)
			next, size := utf8.DecodeRune(rest[n:])
			if !utf8.Valid(rest[:n]) || n > limit || n+size <= limit || next == utf8.RuneError {
				t.Fatalf("%q is cut at %d, the limit is %d", rest, n, limit)
			}
			rest = rest[n:]
		}
	}
	if n := wholeRunes(slices.Repeat([]byte{0x80}, 20), 10); n != 10 {
		t.Errorf("bytes that are no text are cut at %d", n)
	}
}
