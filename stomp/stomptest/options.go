package stomptest

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// Option changes how a Broker behaves. The options of NewBroker are the only ones.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

// config is what the options add up to. It is not written after NewBroker.
type config struct {
	addr         string
	pipe, tcp    bool
	logins       map[string]string
	virtualHosts []string
	versions     []wire.Version // ascending

	heartBeatSet                 bool
	heartBeatSend, heartBeatRecv time.Duration

	messageTypeSet  bool
	messageType     MessageType
	subprotocols    []string
	subprotocolsSet bool
	compression     bool
	limits          wire.Limits
	prefetch        int
	log             *slog.Logger
	httpAuth        func(*http.Request) int
	profile         Profile
}

func newConfig(opts []Option) config {
	c := config{
		addr:     "127.0.0.1:0",
		versions: []wire.Version{wire.V10, wire.V11, wire.V12},
		log:      slog.New(slog.DiscardHandler),
	}
	for _, o := range opts {
		o.apply(&c)
	}
	if !c.subprotocolsSet {
		for _, v := range slices.Backward(c.versions) {
			c.subprotocols = append(c.subprotocols, "v"+string(v[0])+string(v[2])+".stomp")
		}
	}
	c.limits = c.limits.WithDefaults()
	return c
}

// WithPipe opens no sockets at all: Client and Dial are the only ways in, and URL names something that they take.
func WithPipe() Option { return option(func(c *config) { c.pipe = true }) }

// WithAddr listens on addr instead of a free port of the loopback: a broker that comes back on its old port, or a
// demo on a known one. NewBroker panics when addr is taken.
func WithAddr(addr string) Option { return option(func(c *config) { c.addr = addr }) }

// WithTCP also serves STOMP on a bare TCP socket, on a free port of the loopback. TCPURL says where.
func WithTCP() Option { return option(func(c *config) { c.tcp = true }) }

// WithLogin lets only those in who know a login and its passcode. Several calls add up; without any, everybody may
// connect.
func WithLogin(login, passcode string) Option {
	return option(func(c *config) {
		if c.logins == nil {
			c.logins = make(map[string]string)
		}
		c.logins[login] = passcode
	})
}

// WithVirtualHosts refuses a CONNECT whose host is not among names; a CONNECT without one asks for "/". Without this
// option every host will do. The hosts are names only: all share the same destinations.
func WithVirtualHosts(names ...string) Option {
	return option(func(c *config) { c.virtualHosts = append(c.virtualHosts, names...) })
}

// WithVersions bounds the STOMP versions that the broker speaks: any of "1.0", "1.1", "1.2".
func WithVersions(versions ...string) Option {
	return option(func(c *config) {
		c.versions = nil
		for _, v := range versions {
			switch v := wire.Version(v); v {
			case wire.V10, wire.V11, wire.V12:
				c.versions = append(c.versions, v)
			default:
				panic(fmt.Sprintf("stomptest: WithVersions: %q is not a STOMP version: use 1.0, 1.1 or 1.2", v))
			}
		}
		slices.Sort(c.versions)
	})
}

// WithHeartBeat sets the two numbers that CONNECTED offers: how often the broker can send, and how often it wants to
// hear from the client (0: not at all). Without this option the broker offers 10 s each way, and less to a client
// that asks for less, down to a millisecond.
func WithHeartBeat(send, receive time.Duration) Option {
	return option(func(c *config) {
		c.heartBeatSet, c.heartBeatSend, c.heartBeatRecv = true, send, receive
	})
}

// MessageType is the type of the WebSocket messages that the broker sends. It takes both.
type MessageType uint8

const (
	MessageAuto   MessageType = iota // text where the frame is valid UTF-8, else binary
	MessageText                      // always text, valid or not
	MessageBinary                    // always binary
)

// WithMessageType sets the type of the WebSocket messages that the broker sends; the default is MessageAuto, or what
// the profile's server does.
func WithMessageType(t MessageType) Option {
	return option(func(c *config) { c.messageTypeSet, c.messageType = true, t })
}

// WithSubprotocols sets the WebSocket subprotocols that the broker knows, its favourite first. The default follows
// WithVersions: v12.stomp, v11.stomp, v10.stomp. With no names it selects none.
func WithSubprotocols(names ...string) Option {
	return option(func(c *config) { c.subprotocolsSet, c.subprotocols = true, names })
}

// WithCompression accepts permessage-deflate where a client offers it.
func WithCompression() Option { return option(func(c *config) { c.compression = true }) }

// Limits bounds the frames that the broker takes. A zero field keeps its default.
type Limits struct {
	Body    int64 // bytes of a body; default 64 MiB
	Header  int   // bytes of command and header together; default 64 KiB
	Entries int   // header entries; default 1,000
}

// WithLimits bounds the frames that the broker takes. A larger one is answered by ERROR and a close, with code 1009,
// or with that of the profile's server.
func WithLimits(l Limits) Option {
	return option(func(c *config) { c.limits = wire.Limits(l) })
}

// WithPrefetch bounds the messages that a subscription in a client ack mode may hold without having acked them; 0,
// the default, is no bound. A prefetch-count header on SUBSCRIBE overrides it; there 0 is no bound as well.
func WithPrefetch(n int) Option { return option(func(c *config) { c.prefetch = n }) }

// WithLogger makes the broker tell what it does: connections and refusals. The default is to say nothing.
func WithLogger(l *slog.Logger) Option { return option(func(c *config) { c.log = l }) }

// WithHTTPAuth asks ok about every upgrade request. It returns the HTTP status to refuse it with, 0 to let it pass.
// It may be called by several goroutines at once.
func WithHTTPAuth(ok func(*http.Request) int) Option {
	return option(func(c *config) { c.httpAuth = ok })
}

// WithProfile makes the broker behave as a named server does.
func WithProfile(p Profile) Option { return option(func(c *config) { c.profile = p }) }
