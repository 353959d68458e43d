//go:build !js

package browser

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// stage is the server that the tests in a browser talk to: a broker, its faults, and servers that do one thing.
//
//	/broker       a broker's WebSocket          /ours    the same, for no page but of its own origin
//	/cut, /close  end its connections           /hang    never answers the upgrade
//	/error        messages, ERROR, and a close  /mute    accepts, and never sends anything
//	/junk         sends what is no frame        /refuse  503
//	/deaf         reads CONNECT, and no more    /none    chooses no subprotocol
//	/quiet        CONNECTED, and no more        /code    ?error, ?junk and ?quiet: the close code that came there last
type stage struct {
	*httptest.Server
	broker *stomptest.Broker
	codes  sync.Map // of the names error, junk and quiet
}

func newStage(t *testing.T) *stage {
	s := &stage{broker: stomptest.NewBroker()}
	t.Cleanup(s.broker.Close)
	mux := http.NewServeMux()
	mux.Handle("/broker", s.broker.Handler())
	mux.HandleFunc("/ours", func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" && origin != s.URL {
			http.Error(w, "not from there", http.StatusForbidden)
			return
		}
		s.broker.Handler().ServeHTTP(w, r)
	})
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { s.broker.Cut() })
	mux.HandleFunc("/close", func(http.ResponseWriter, *http.Request) { s.broker.CloseConnections(1012, "restart") })
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out to lunch", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/mute", s.socket(true, func(ctx context.Context, c *websocket.Conn) {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				return
			}
		}
	}))
	mux.HandleFunc("/code", func(w http.ResponseWriter, r *http.Request) {
		code, _ := s.codes.Load(r.URL.RawQuery)
		fmt.Fprint(w, code)
	})
	mux.HandleFunc("/quiet", s.socket(true, func(ctx context.Context, c *websocket.Conn) {
		connected(ctx, c)
		s.noteCode(ctx, c, "quiet")
	}))
	mux.HandleFunc("/error", s.socket(true, func(ctx context.Context, c *websocket.Conn) {
		connected(ctx, c)
		_, _, _ = c.Read(ctx)
		for i := range 20 {
			_ = c.Write(ctx, websocket.MessageText, fmt.Appendf(nil, "MESSAGE\nsubscription:s\nmessage-id:%d\ndestination:/a\n\n%d\x00", i, i))
		}
		_ = c.Write(ctx, websocket.MessageText, []byte("ERROR\nmessage:last words\n\n\x00"))
		if c.Close(1002, "gone") == nil {
			s.codes.Store("error", 1002) // the other side has answered with it
		}
	}))
	mux.HandleFunc("/junk", s.socket(true, func(ctx context.Context, c *websocket.Conn) {
		connected(ctx, c)
		_ = c.Write(ctx, websocket.MessageText, []byte("NO SUCH COMMAND\n\n\x00"))
		s.noteCode(ctx, c, "junk")
	}))
	mux.HandleFunc("/none", s.socket(false, func(ctx context.Context, c *websocket.Conn) {
		connected(ctx, c)
		_, _, _ = c.Read(ctx)
	}))
	mux.HandleFunc("/deaf", s.socket(true, func(ctx context.Context, c *websocket.Conn) {
		connected(ctx, c)
		<-ctx.Done()
	}))
	s.Server = httptest.NewServer(allowAnyPage(mux))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s
}

// connected answers CONNECT.
func connected(ctx context.Context, c *websocket.Conn) {
	_, _, _ = c.Read(ctx)
	_ = c.Write(ctx, websocket.MessageText, []byte("CONNECTED\nversion:1.2\n\n\x00"))
}

// noteCode waits for the close frame of a connection on which nothing else comes, and keeps its code for /code.
func (s *stage) noteCode(ctx context.Context, c *websocket.Conn, name string) {
	_, _, err := c.Read(ctx)
	s.codes.Store(name, int(websocket.CloseStatus(err)))
}

// allowAnyPage lets pages of other origins read the answers.
func allowAnyPage(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		h.ServeHTTP(w, r)
	})
}

// socket plays a WebSocket server for one connection, at most for a minute.
func (s *stage) socket(subprotocol bool, play func(context.Context, *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o := &websocket.AcceptOptions{InsecureSkipVerify: true} // a page from anywhere may come
		if subprotocol {
			o.Subprotocols = []string{"v12.stomp"}
		}
		c, err := websocket.Accept(w, r, o)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		defer c.CloseNow()
		play(ctx, c)
	}
}

// unused returns an address at which nobody listens.
func unused(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
