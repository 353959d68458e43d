package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/outbox"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// ConnectOption is an option of Connect. Each call has an option type of its own, so that an option in the wrong
// place does not compile. When an option is given twice, the last one counts; WithHeader adds up. Contradictory or
// invalid options fail the call before anything is dialled or written.
type ConnectOption interface{ applyConnect(*connectConfig) }

type credentials struct{ login, passcode string }

// connectConfig collects the options of Connect. It does not change after Connect.
type connectConfig struct {
	urls           []string // the one given to Connect, then WithFailover's; in the Client's own order with WithShuffle
	header         Header
	login          *credentials
	credentials    func(context.Context) (string, string, error)
	host           string
	versions       []Version
	beats          beatConfig
	httpClient     *http.Client
	httpHeader     http.Header
	httpHeaderFunc func(context.Context) (http.Header, error)
	beforeConnect  []func(context.Context, *Attempt) error
	subprotocols   []string // nil: one for each version
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
	shuffle        bool
	backoff        Backoff
	once           bool // no reconnect: a lost connection ends the Client
	initialRetry   bool
	lifetime       context.Context
	logger         *slog.Logger
	buffer         buffer
	nilFunctionOf  string // an option that was given none; "": there is none
	sendDefaults   []SendOption
	send           *sendConfig // sendDefaults, applied
	sendHooks      []func(context.Context, *Outgoing) (func(error), error)
	bound          inbox.Bound // buffer, with defaults filled in
}

func newConnectConfig(url string, opts []ConnectOption) (*connectConfig, error) {
	c := &connectConfig{
		host:     "/",
		versions: allVersions,
		beats:    defaultBeats,
		logger:   slog.New(slog.DiscardHandler),
	}
	err := c.apply(opts)
	if err == nil {
		err = c.check()
	}
	if err == nil {
		c.send, err = newSendDefaults(c.sendDefaults)
	}
	if err != nil {
		return nil, &opError{op: "connect", step: "options", err: err, unsent: true}
	}
	c.versions = slices.Clone(c.versions)
	slices.Sort(c.versions)
	c.urls = append([]string{url}, c.failover...)
	if c.shuffle {
		rand.Shuffle(len(c.urls), func(i, j int) { c.urls[i], c.urls[j] = c.urls[j], c.urls[i] })
	}
	c.backoff = c.backoff.withDefaults()
	c.bound = c.buffer.bound()
	return c, nil
}

func (c *connectConfig) apply(opts []ConnectOption) error {
	for _, o := range opts {
		if o == nil {
			return errNilOption
		}
		o.applyConnect(c)
	}
	return nil
}

// needs notes whether an option was given the function that it needs.
func (c *connectConfig) needs(option string, given bool) {
	if !given {
		c.nilFunctionOf = option
	}
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
	case c.messageType < MessageAuto || c.messageType > MessageBinary:
		return fmt.Errorf("WithMessageType: unknown type %d", c.messageType)
	case c.pingSet && c.ping <= 0:
		return errors.New("WithPing: the interval must be above 0")
	case c.splitSet && c.split < outbox.MinSplit:
		return fmt.Errorf("WithMessageSplit: %d bytes is below %d, the longest UTF-8 character", c.split, outbox.MinSplit)
	case c.limits.Body < 0 || c.limits.Header < 0 || c.limits.Entries < 0:
		return errors.New("WithLimits: negative limit (0 keeps the default)")
	case c.nilFunctionOf != "":
		return nilFunction(c.nilFunctionOf)
	case c.logger == nil:
		return errors.New("WithLogger: nil logger")
	}
	for _, check := range []func() error{c.checkPlatform, c.checkDialer, c.checkFailover, c.beats.check, c.buffer.check, c.checkBackoff} {
		if err := check(); err != nil {
			return err
		}
	}
	return checkHeader(c.header)
}

func (c *connectConfig) checkBackoff() error { return c.backoff.check("WithReconnect") }

// checkDialer rejects options that would silently do nothing on a stream that is not the library's own WebSocket.
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

// checkFailover looks at URLs that are dialled only in an outage, when a mistake in them would be found too late.
// What WithDialer and WithBeforeConnect take for a URL is theirs to say.
func (c *connectConfig) checkFailover() error {
	if c.dialer != nil || len(c.beforeConnect) > 0 {
		return nil
	}
	for i, url := range c.failover {
		if _, err := ws.ParseURL(url); err != nil { // does not repeat what may be secret
			return fmt.Errorf("WithFailover: URL %d is bad: %w", i+1, err)
		}
	}
	return nil
}

// webSocketOption names an option in use that applies to a WebSocket alone; "" when there is none.
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

// offers returns the WebSocket subprotocols to offer, best first (clause W1).
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

// The default bounds of a subscription's queue hold minutes of a busy topic, in memory that a container can spare.
const (
	defaultFrames = 65_536
	defaultBytes  = 64 << 20
)

// buffer holds the arguments of WithBuffer.
type buffer struct {
	frames int
	bytes  int64
	policy Overflow
}

func (b buffer) check() error {
	if b.frames < 0 || b.bytes < 0 {
		return errors.New("WithBuffer: negative bound (0 keeps the default)")
	}
	if b.policy < OverflowBlock || b.policy > OverflowLatest {
		return fmt.Errorf("WithBuffer: unknown policy %d", b.policy)
	}
	return nil
}

// bound converts b for an inbox, with the defaults filled in.
func (b buffer) bound() inbox.Bound {
	policies := [...]inbox.Policy{
		OverflowBlock:      inbox.Block,
		OverflowDropOldest: inbox.DropOldest,
		OverflowDropNewest: inbox.DropNewest,
		OverflowFail:       inbox.Fail,
		OverflowLatest:     inbox.Latest,
	}
	return inbox.Bound{
		Count:  cmp.Or(b.frames, defaultFrames),
		Bytes:  cmp.Or(b.bytes, defaultBytes),
		Policy: policies[b.policy],
	}
}

func (c *connectConfig) encoder(v Version) wire.Encoder {
	return wire.Encoder{Version: wire.Version(v), Limits: c.limits.wire(), EscapeConnect: c.escapedConnect}
}

// Limits bounds one frame, in either direction (clause F12). A frame that announces more is refused with a
// [*LimitError] before anything is allocated for it. A received one ends the session, because the next frame cannot
// be found; one about to be sent is refused alone. Zero fields keep the defaults.
type Limits struct {
	Body    int64 // bytes of one body; default 64 MiB
	Header  int   // bytes of command and header together; default 64 KiB
	Entries int   // header entries; default 1,000
}

func (l Limits) wire() wire.Limits { return wire.Limits(l).WithDefaults() }
