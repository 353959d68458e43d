package interop

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func classicEndpoints(dir string) ([]*Endpoint, error) {
	var all []*Endpoint
	for _, version := range slices.Backward(broker.ClassicVersions) {
		b, err := broker.NewClassic(filepath.Join(dir, "classic-"+version), version)
		if err != nil {
			return nil, err
		}
		d := dialect{
			name:           classic,
			prefetch:       stomp.WithHeader("activemq.prefetchSize", "1"),
			nack:           deadLetters,
			persistent:     persistent,
			durable:        jmsDurable("activemq.subscriptionName"),
			forbidden:      "/queue/forbidden",
			deleted:        recreates,
			mayDropError:   true, // in 10 of 1,500 refused logins over a WebSocket
			rawHeaderNames: true,
			limited:        limited{url: b.DefaultURL(), size: 70_000, says: "maxTextMessageSize"},
		}
		bare := d
		bare.limited = limited{size: 1, options: []stomp.SendOption{stomp.WithHeader("long", strings.Repeat("x", 11<<10))}, says: "maximum"}
		column := "Classic " + short(version)
		if b.URL() != "" {
			all = append(all, &Endpoint{Column: column + " ws", Broker: b, URL: b.URL(), dialect: d})
		}
		all = append(all, &Endpoint{Column: column + " TCP", Broker: b, URL: b.TCPURL(), TCP: true, dialect: bare})
	}
	return all, nil
}
