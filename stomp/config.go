package stomp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// defaultHeartBeat is what stomp.js and Spring propose. The shortest idle
// timeout of the brokers, 60 s, leaves room for it six times over.
//
// By default it is what we want of the server, and what we send unasked: an EOL
// is legal at any time, and keeps RabbitMQ, Artemis (60 s without an octet) and
// ActiveMQ from leaving. We do not promise it, because of RabbitMQ: where heart-
// beats of the client were agreed, its flow control crashes the process that
// watches them, and a fast publisher loses its connection (3.10.8: 14 of 18 runs
// of 15,000 messages; none where our number was 0).
const defaultHeartBeat = 10 * time.Second

// maxHeartBeat is what 32 bits hold in milliseconds, which is how brokers read
// it: 24 days.
const maxHeartBeat = math.MaxInt32 * time.Millisecond

type credentials struct{ login, passcode string }

// connectConfig is what the options of Connect add up to. It does not change
// after Connect.
type connectConfig struct {
	urls           []string // the first as given to Connect, then WithFailover's
	header         Header
	login          *credentials
	credentials    func(context.Context) (string, string, error)
	host           string
	versions       []Version
	beatSend       time.Duration
	beatReceive    time.Duration
	beatUnasked    time.Duration // what we send though it was not agreed; 0: nothing
	httpClient     *http.Client
	httpHeader     http.Header
	httpHeaderFunc func(context.Context) (http.Header, error)
	subprotocols   []string // nil: by versions
	compression    bool
	messageType    MessageType
	ping           time.Duration
	pingSet        bool
	split          int
	splitSet       bool
	escapedConnect bool
	dialer         func(context.Context, string) (net.Conn, error)
	limits         Limits
	failover       []string
	backoff        Backoff
	once           bool // a lost connection is the end
	initialRetry   bool
	lifetime       context.Context
	logger         *slog.Logger
	buffer         buffer
}

func newConnectConfig(url string, opts []ConnectOption) (*connectConfig, error) {
	c := &connectConfig{
		host:        "/",
		versions:    allVersions,
		beatReceive: defaultHeartBeat,
		beatUnasked: defaultHeartBeat / 2,
		logger:      slog.New(slog.DiscardHandler),
	}
	for _, o := range opts {
		o.applyConnect(c)
	}
	if err := c.check(); err != nil {
		return nil, &opError{op: "connect", step: "options", err: err, unsent: true}
	}
	c.versions = slices.Clone(c.versions)
	slices.Sort(c.versions)
	c.urls = append([]string{url}, c.failover...)
	c.backoff = c.backoff.withDefaults()
	c.buffer = c.buffer.withDefaults(buffer{defaultFrames, defaultBytes, OverflowBlock})
	return c, nil
}

func (c *connectConfig) check() error {
	for i, v := range c.versions {
		if !v.known() {
			return fmt.Errorf("WithVersions: unknown version %q (there are 1.0, 1.1 and 1.2)", v)
		}
		if slices.Contains(c.versions[:i], v) {
			return fmt.Errorf("WithVersions: version %s twice", v)
		}
	}
	switch {
	case len(c.versions) == 0:
		return errors.New("WithVersions: no version to offer")
	case c.login != nil && c.credentials != nil:
		return errors.New("WithLogin and WithCredentials exclude each other")
	case c.beatSend < 0 || c.beatReceive < 0:
		return errors.New("WithHeartBeat: negative interval (0 disables)")
	case c.beatSend > maxHeartBeat || c.beatReceive > maxHeartBeat:
		return fmt.Errorf("WithHeartBeat: an interval above %v (0 disables)", maxHeartBeat)
	case c.messageType < MessageAuto || c.messageType > MessageBinary:
		return fmt.Errorf("WithMessageType: unknown type %d", c.messageType)
	case c.pingSet && c.ping <= 0:
		return errors.New("WithPing: the interval must be above 0")
	case c.splitSet && c.split < minSplit:
		return fmt.Errorf("WithMessageSplit: %d octets is below %d, the longest UTF-8 character", c.split, minSplit)
	case c.limits.Body < 0 || c.limits.Header < 0 || c.limits.Entries < 0:
		return errors.New("WithLimits: negative limit (0 keeps the default)")
	case c.logger == nil:
		return errors.New("WithLogger: nil logger")
	}
	if err := c.checkDialer(); err != nil {
		return err
	}
	if err := c.buffer.check(); err != nil {
		return err
	}
	if err := c.backoff.check(); err != nil {
		return err
	}
	return checkHeader(c.header)
}

// checkDialer refuses what would silently do nothing on a stream that is not
// the library's own WebSocket.
func (c *connectConfig) checkDialer() error {
	name := c.webSocketOption()
	if c.httpClient != nil {
		name = "WithHTTPClient"
	}
	if c.dialer == nil || name == "" {
		return nil
	}
	return fmt.Errorf("WithDialer and %s exclude each other: the dialer's stream is not the library's WebSocket", name)
}

// webSocketOption names an option in use that has a meaning on the WebSocket
// alone; "" where there is none.
func (c *connectConfig) webSocketOption() string {
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"WithHTTPHeader", c.httpHeader != nil},
		{"WithHTTPHeaderFunc", c.httpHeaderFunc != nil},
		{"WithSubprotocols", c.subprotocols != nil},
		{"WithCompression", c.compression},
		{"WithMessageType", c.messageType != MessageAuto},
		{"WithMessageSplit", c.splitSet},
		{"WithPing", c.pingSet},
	} {
		if option.set {
			return option.name
		}
	}
	return ""
}

// offers lists the WebSocket subprotocols to offer, best first (clause W1).
func (c *connectConfig) offers() []string {
	if c.subprotocols != nil {
		return c.subprotocols
	}
	var names []string
	for _, v := range slices.Backward(c.versions) {
		names = append(names, v.subprotocol())
	}
	return names
}

// The default bounds of a subscription's queue: minutes of a busy topic, and
// no more memory than a container has to spare.
const (
	defaultFrames = 65_536
	defaultBytes  = 64 << 20
)

// buffer is the bound of a subscription's queue and channel together.
type buffer struct {
	frames int
	bytes  int64
	policy Overflow
}

func (b buffer) check() error {
	if b.frames < 0 || b.bytes < 0 {
		return errors.New("WithBuffer: negative bound (0 keeps the default)")
	}
	if b.policy < OverflowBlock || b.policy > OverflowFail {
		return fmt.Errorf("WithBuffer: unknown policy %d", b.policy)
	}
	return nil
}

func (b buffer) withDefaults(d buffer) buffer {
	if b.frames == 0 {
		b.frames = d.frames
	}
	if b.bytes == 0 {
		b.bytes = d.bytes
	}
	return b
}

// encoder encodes the frames of a session that speaks v.
func (c *connectConfig) encoder(v Version) wire.Encoder {
	return wire.Encoder{Version: wire.Version(v), Limits: c.limits.wire(), EscapeConnect: c.escapedConnect}
}
