package stomp_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// A cookie that the server sets with an upgrade goes into the client's jar, and with the next upgrade back to the server
// (a load balancer's, say, that leads back to the same node). Those of WithHTTPHeader go along each time.
func TestCookies_across_a_reconnect(t *testing.T) {
	b := pipeBroker(t)
	var mu sync.Mutex // guards the following
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		sent = append(sent, strings.Join(r.Header.Values("Cookie"), "; "))
		mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "node", Value: "7", Path: "/"})
		b.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	fine(t, err)
	client, err := stomp.Connect(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), stomp.WithReconnect(quickBackoff),
		stomp.WithHTTPClient(&http.Client{Jar: jar}), stomp.WithHTTPHeader(http.Header{"Cookie": {"mine=1"}}))
	fine(t, err)
	defer client.Close()
	changes := client.Watch(t.Context())
	for epoch := range uint64(2) {
		reaches(t, changes, epoch+1)
		b.Cut()
	}
	reaches(t, changes, 3)
	fine(t, client.Disconnect(t.Context()))
	same(t, "cookies", sent, []string{"mine=1", "mine=1; node=7", "mine=1; node=7"})
}

// reaches reads w up to that session. Real time may hide what came before it: the newest status wins.
func reaches(t testing.TB, w <-chan stomp.Status, epoch uint64) {
	t.Helper()
	for s := range w {
		if s.State == stomp.StateConnected && s.Epoch == epoch {
			return
		}
	}
	t.Fatalf("session %d never was", epoch)
}
