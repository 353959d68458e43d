package interop

import (
	"path/filepath"
	"strings"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// Endpoints prepares every server, each with its own data folder below dir, and
// returns the endpoints in the table's order. It starts no server.
func Endpoints(dir string) ([]*Endpoint, error) {
	var all []*Endpoint
	for _, prepare := range []func(string) ([]*Endpoint, error){rabbitMQEndpoints, artemisEndpoints, classicEndpoints, springEndpoints} {
		some, err := prepare(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// Without it the servers forget at a restart what they have confirmed.
var persistent = stomp.WithPersistent()

func artemisEndpoints(dir string) ([]*Endpoint, error) {
	b, err := broker.NewArtemis(filepath.Join(dir, "artemis"))
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
		// Two threads of Artemis clean up after a connection at the same time. When one
		// has rolled back the session's transaction, the other may still add a message to
		// it, which then stays there: about once in 100 cuts.
		mayLoseFirst: true,
	}
	return []*Endpoint{
		{Column: "Artemis ws", Broker: b, URL: b.URL(), dialect: d},
		{Column: "Artemis ws, text", Broker: b, URL: b.TextURL(), dialect: d},
		{Column: "Artemis TCP", Broker: b, URL: b.TCPURL(), TCP: true, dialect: d},
	}, nil
}

// jmsDurable returns ActiveMQ's options: the connection's client-id and the name
// in this header make a subscription durable, and UNSUBSCRIBE with the same header
// deletes it.
func jmsDurable(header string) func(string) durable {
	return func(name string) durable {
		return durable{
			connect:     []stomp.ConnectOption{stomp.WithHeader("client-id", "client-"+name)},
			subscribe:   []stomp.SubscribeOption{stomp.WithHeader(header, name)},
			unsubscribe: []stomp.FrameOption{stomp.WithHeader(header, name)},
		}
	}
}

func classicEndpoints(dir string) ([]*Endpoint, error) {
	var all []*Endpoint
	for _, version := range broker.ClassicVersions {
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
		major := version[:1]
		all = append(all,
			&Endpoint{Column: "Classic " + major + " ws", Broker: b, URL: b.URL(), dialect: d},
			&Endpoint{Column: "Classic " + major + " TCP", Broker: b, URL: b.TCPURL(), TCP: true, dialect: bare})
	}
	return all, nil
}

// Spring on Tomcat accepts text messages of up to 16,640 bytes and binary ones of
// up to 8,192.
var (
	tomcatSplit = stomp.WithMessageSplit(8000)
	tomcatLimit = limited{size: 20_000, says: "WithMessageSplit", connect: []stomp.ConnectOption{stomp.WithMessageSplit(1 << 30)}}
)

func springEndpoints(dir string) ([]*Endpoint, error) {
	b, err := broker.NewSpring(filepath.Join(dir, "spring"), broker.SpringOptions{})
	if err != nil {
		return nil, err
	}
	return []*Endpoint{{Column: "Spring simple", Broker: b, URL: b.URL(), Options: []stomp.ConnectOption{tomcatSplit}, dialect: dialect{
		name:       springSimple,
		persistent: persistent,
		replyTo:    "/queue/replies-",
		limited:    tomcatLimit,
	}}}, nil
}
