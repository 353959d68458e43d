package proxy

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// A real RabbitMQ behind each proxy: what it answers where the Upgrade header is dropped, which heart-beats keep an
// idle session, and that nothing is lost when the proxy is reloaded.
func TestProxy_RabbitMQ(t *testing.T) {
	servers.OptIn(t)
	t.Parallel()
	r, err := broker.NewRabbitMQ(t.TempDir(), broker.RabbitMQOptions{})
	servers.Require(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	rig.OK(t, r.Start(ctx))
	t.Cleanup(r.Stop)
	to := hostOf(t, r.URL())
	for _, k := range kinds {
		t.Run(k.name+"/Upgrade_is_not_passed_on", func(t *testing.T) {
			t.Parallel()
			byDefault := http.StatusUpgradeRequired
			if k.name == "nginx" { // asks by HTTP/1.0
				byDefault = http.StatusBadRequest
			}
			withoutUpgrade(t, k.start(t, setup{to: to, noUpgrade: true}), byDefault)
			withoutUpgrade(t, k.start(t, setup{to: to, noUpgrade: true, http11: true}), http.StatusUpgradeRequired)
		})
		t.Run(k.name+"/idle", func(t *testing.T) {
			t.Parallel()
			ctx := bounded(t)
			f := k.start(t, setup{to: to, idle: 4 * time.Second})
			client := connect(t, ctx, f.url("ws"), stomp.WithHeartBeat(0, 2*time.Second))
			<-time.After(10 * time.Second)
			client.exchange(t, ctx, "still here", 1)
		})
		t.Run(k.name+"/reloaded_under_load", func(t *testing.T) {
			t.Parallel()
			reloads(t, bounded(t), k.start(t, setup{to: to}), 3)
		})
	}
}
