package interop

import (
	"path/filepath"
	"slices"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func artemisEndpoints(dir string) ([]*Endpoint, error) {
	var all []*Endpoint
	for _, version := range slices.Backward(broker.ArtemisVersions) {
		b, err := broker.NewArtemis(filepath.Join(dir, "artemis-"+version), version)
		if err != nil {
			return nil, err
		}
		d := dialect{
			name:              artemis,
			prefetch:          stomp.WithHeader("consumer-window-size", "0"),
			nack:              discards,
			persistent:        persistent,
			durable:           jmsDurable("durable-subscription-name"),
			forbidden:         "/queue/forbidden",
			deleted:           recreates,
			deflateURL:        b.DeflateURL(),
			sendsUncompressed: true,
		}
		if version != newest(broker.ArtemisVersions) {
			// Two threads of Artemis 2.44 clean up after a connection at the same time. When one
			// has rolled back the session's transaction, the other may still add a message to
			// it, which then stays there: about once in 100 cuts.
			d.mayLoseFirst = true
			all = append(all, &Endpoint{Column: "Artemis " + short(version) + " ws", Broker: b, URL: b.URL(), dialect: d})
			continue
		}
		all = append(all,
			&Endpoint{Column: "Artemis ws", Broker: b, URL: b.URL(), dialect: d},
			&Endpoint{Column: "Artemis ws, text", Broker: b, URL: b.TextURL(), dialect: d},
			&Endpoint{Column: "Artemis TCP", Broker: b, URL: b.TCPURL(), TCP: true, dialect: d})
	}
	return all, nil
}

// jmsDurable returns the options of a server that has JMS behind it: the connection's
// client-id and the name in this header make a subscription durable, and UNSUBSCRIBE
// with the same header deletes it.
func jmsDurable(header string) func(string) durable {
	return func(name string) durable {
		return durable{
			connect:     []stomp.ConnectOption{stomp.WithHeader("client-id", "client-"+name)},
			subscribe:   []stomp.SubscribeOption{stomp.WithHeader(header, name)},
			unsubscribe: []stomp.FrameOption{stomp.WithHeader(header, name)},
		}
	}
}
