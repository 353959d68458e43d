package stomp_test

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// A cookie that the server sets with an upgrade goes into the client's jar, and with the next upgrade back to the
// server (a load balancer's, say, that leads back to the same node). Those of WithHTTPHeader go along each time.
func TestCookies_across_a_reconnect(t *testing.T) {
	b := rig.PipeBroker(t)
	var mu sync.Mutex // guards the following
	var sent []string
	server := rig.NewHTTPServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		sent = append(sent, strings.Join(r.Header.Values("Cookie"), "; "))
		mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "node", Value: "7", Path: "/"})
		b.Handler().ServeHTTP(w, r)
	}), nil)
	jar, err := cookiejar.New(nil)
	rig.OK(t, err)
	client := rig.Connect(t, rig.WebSocketURL(server), stomp.WithReconnect(rig.QuickBackoff),
		stomp.WithHTTPClient(&http.Client{Jar: jar}), stomp.WithHTTPHeader(http.Header{"Cookie": {"mine=1"}}))
	changes := client.Watch(t.Context())
	for epoch := range uint64(2) {
		rig.UntilSession(t, changes, epoch+1)
		b.Cut()
	}
	rig.UntilSession(t, changes, 3)
	rig.OK(t, client.Disconnect(t.Context()))
	rig.Equal(t, "cookies", sent, []string{"mine=1", "mine=1; node=7", "mine=1; node=7"})
}
