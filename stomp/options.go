package stomp

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options that go with several calls.
type (
	// HeaderOption goes with every call.
	HeaderOption interface {
		ConnectOption
		SubscribeOption
		SendOption
		FrameOption
	}
	// CallOption goes with every call but Connect.
	CallOption interface {
		SubscribeOption
		SendOption
		FrameOption
	}
	// BufferOption goes with Connect, as the default of all subscriptions, and with a single subscription.
	BufferOption interface {
		ConnectOption
		SubscribeOption
	}
)

type (
	connectOption   func(*connectConfig)
	subscribeOption func(*subscribeConfig)
	sendOption      func(*sendConfig)
)

func (o connectOption) applyConnect(c *connectConfig)       { o(c) }
func (o subscribeOption) applySubscribe(c *subscribeConfig) { o(c) }
func (o sendOption) applySend(c *sendConfig)                { o(c) }

// entry is WithHeader.
type entry [2]string

func (e entry) applyConnect(c *connectConfig)     { c.header = append(c.header, e) }
func (e entry) applySubscribe(c *subscribeConfig) { c.header = append(c.header, e) }
func (e entry) applySend(c *sendConfig)           { c.header = append(c.header, e) }
func (e entry) applyFrame(c *frameConfig)         { c.header = append(c.header, e) }

// WithHeader adds one entry to the frame that the call sends: CONNECT,
// SUBSCRIBE, SEND, ACK and so on. Several add up, in order; of a repeated name
// the first counts (clause F8). The names that the library writes itself
// (destination, id, ack, receipt, login and their like) are refused with an
// error that names the option to use instead.
func WithHeader(name, value string) HeaderOption { return entry{name, value} }

type withoutWaiting struct{}

func (withoutWaiting) applySubscribe(c *subscribeConfig) { c.noWait = true }
func (withoutWaiting) applySend(c *sendConfig)           { c.noWait = true }
func (withoutWaiting) applyFrame(c *frameConfig)         { c.noWait = true }

// WithoutWaiting makes the call fail with [ErrNotConnected] at once when there
// is no session, instead of waiting for the next one within ctx.
func WithoutWaiting() CallOption { return withoutWaiting{} }

// WithReceipt makes the call wait until the broker confirms the frame with a
// RECEIPT (clause M5), refuses it with an ERROR (an [*Error]), the session ends
// ([ErrConnectionLost]: the outcome is unknown), or ctx ends. Any number of
// calls may wait at the same time. Spring's simple broker sends no RECEIPT: the
// call then waits for as long as ctx lets it.
func WithReceipt() CallOption { return receiptOption{} }

// WithLogin sends login and passcode with CONNECT. It excludes
// [WithCredentials].
func WithLogin(login, passcode string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.login = &credentials{login, passcode} })
}

// WithCredentials asks f for login and passcode before every attempt to
// connect, with the ctx of that attempt; an error of f ends the attempt. It
// excludes [WithLogin]. f must not call methods of the Client.
func WithCredentials(f func(ctx context.Context) (login, passcode string, err error)) ConnectOption {
	return connectOption(func(c *connectConfig) { c.credentials = f })
}

// WithHost sets CONNECT's host header, which RabbitMQ reads as its virtual
// host. The default is "/", never the host of the URL (clause C1).
func WithHost(virtualHost string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.host = virtualHost })
}

// WithVersions sets the versions offered to the server; the default is all
// three. The WebSocket subprotocols offered follow it (clauses C1 and W1).
func WithVersions(v ...Version) ConnectOption {
	return connectOption(func(c *connectConfig) { c.versions = v })
}

// WithHeartBeat proposes heart-beats: we send at least every send, and want
// the server to send at least every receive. 0 disables that way. What is agreed
// is the slower of the two sides' wishes (clause C6) and stands in [Session].
// Ours go out twice as often as agreed, whatever else is sent; the server is
// declared silent ([ErrHeartBeat]) after twice the agreed interval without an
// octet from it, and ActiveMQ Classic and Spring's simple broker, which leave
// beats out, after three times. The wire has milliseconds: fractions of one are
// rounded up. Above 24 days, which brokers cannot read, it is refused.
//
// Without this option, 10 s are wanted of the server, and every 5 s a
// heart-beat goes out that was not agreed: it keeps the connection alive on all
// brokers, and a promised one makes RabbitMQ 3.10 drop fast publishers.
func WithHeartBeat(send, receive time.Duration) ConnectOption {
	return connectOption(func(c *connectConfig) { c.beats = beatConfig{send: send, receive: receive} })
}

// WithHTTPClient sets the client that does the WebSocket upgrade: its TLS
// configuration, proxy, cookies and redirect policy. It is not changed.
//
// The default is http.DefaultClient, which takes the proxy that HTTP_PROXY and
// HTTPS_PROXY name; a Transport of one's own does so with its Proxy set to
// http.ProxyFromEnvironment. An HTTP proxy is asked for a tunnel (CONNECT), with
// TLS and without; its user and password stand in its URL.
//
// Redirects are followed only when the client has a CheckRedirect of its own,
// and never from TLS to none. On the way to a host that is neither the same nor
// a subdomain of it, Authorization and Cookie are left out. Any other header is
// not, and the login of CONNECT is for whoever takes the upgrade in the end.
//
// For tls: and tcp: URLs, DialContext, DialTLSContext and TLSClientConfig of its
// *http.Transport are used, and no proxy.
func WithHTTPClient(client *http.Client) ConnectOption {
	return connectOption(func(c *connectConfig) { c.httpClient = client })
}

// WithHTTPHeader adds header to the request of the WebSocket upgrade.
func WithHTTPHeader(header http.Header) ConnectOption {
	return connectOption(func(c *connectConfig) { c.httpHeader = header.Clone() })
}

// WithHTTPHeaderFunc asks f before every attempt for further headers of the
// WebSocket upgrade, such as a fresh bearer token, with the ctx of that
// attempt; they replace those of [WithHTTPHeader] by the same name. An error
// of f ends the attempt. f must not call methods of the Client.
func WithHTTPHeaderFunc(f func(ctx context.Context) (http.Header, error)) ConnectOption {
	return connectOption(func(c *connectConfig) { c.httpHeaderFunc = f })
}

// WithSubprotocols replaces the WebSocket subprotocols offered, which by
// default are v12.stomp, v11.stomp and v10.stomp as far as [WithVersions] has
// them (clause W1). Without names, none is offered.
func WithSubprotocols(names ...string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.subprotocols = append([]string{}, names...) })
}

// WithCompression offers permessage-deflate. It is off by default: RabbitMQ
// then compresses every message and carries a third of the messages a second.
func WithCompression() ConnectOption {
	return connectOption(func(c *connectConfig) { c.compression = true })
}

// WithMessageType forces the type of outgoing WebSocket messages. The default
// is MessageAuto. Both types are taken when received (clause W3).
func WithMessageType(t MessageType) ConnectOption {
	return connectOption(func(c *connectConfig) { c.messageType = t })
}

// WithPing sends a WebSocket ping at that interval; a session in which one is
// answered by nothing until the next is due is cut with [ErrHeartBeat]. It is
// off by default: STOMP's heart-beats do the same, and some servers count no
// pings.
func WithPing(every time.Duration) ConnectOption {
	return connectOption(func(c *connectConfig) { c.ping, c.pingSet = every, true })
}

// WithMessageSplit spreads a frame longer than that many octets over several
// WebSocket messages, which Spring on Tomcat wants (16,640 by default there)
// and ActiveMQ Classic does not take. Text is cut between characters. The
// default is never.
func WithMessageSplit(bytes int) ConnectOption {
	return connectOption(func(c *connectConfig) { c.split, c.splitSet = bytes, true })
}

// WithEscapedConnect escapes the entries of CONNECT as those of other frames,
// against the specification (clause F7): RabbitMQ and ActiveMQ Classic
// unescape them, so that a passcode with a backslash needs it there.
func WithEscapedConnect() ConnectOption {
	return connectOption(func(c *connectConfig) { c.escapedConnect = true })
}

// WithDialer carries STOMP over any byte stream instead of the library's own
// connection: dial is called with the ctx of the attempt, which ends with it,
// and the URL as given to Connect, of whatever scheme. The Client closes what
// dial returns. It excludes the options that belong to the WebSocket. dial must
// not call methods of the Client.
//
// A connection that is a WebSocket itself, such as the NetConn of
// coder/websocket or nhooyr.io/websocket, gets each frame in one Write, which
// makes it one message (clause W2). It is known by the network of its
// LocalAddr, "websocket": one of your own should say the same.
//
// A connection whose Close waits for its peer is given a deadline in the past
// first, so that a silent one is left at once.
func WithDialer(dial func(ctx context.Context, url string) (net.Conn, error)) ConnectOption {
	return connectOption(func(c *connectConfig) { c.dialer = dial })
}

// WithLimits bounds frames, both received and sent. Zero fields keep their
// defaults; see [Limits].
func WithLimits(l Limits) ConnectOption {
	return connectOption(func(c *connectConfig) { c.limits = l })
}

// WithFailover names further endpoints of the same broker. Connect tries each
// once, in the order given. After a loss the one that was lost comes first, then
// the others in order, round and round.
func WithFailover(urls ...string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.failover = append([]string{}, urls...) })
}

// WithReconnect says when a lost connection is tried again. Reconnecting is on
// by default, with the defaults of [Backoff], without end.
//
// Across a reconnect the channels of subscriptions go on: they are subscribed to
// again in the order in which they were made, before anything that waits to be
// sent. [Frame.Epoch] shows where messages may be missing. Transactions and
// acknowledgements end with their session.
func WithReconnect(b Backoff) ConnectOption {
	return connectOption(func(c *connectConfig) { c.backoff, c.once = b, false })
}

// WithoutReconnect makes a lost connection the end of the Client.
func WithoutReconnect() ConnectOption {
	return connectOption(func(c *connectConfig) { c.once = true })
}

// WithInitialRetry makes Connect go on trying, by the Backoff of
// [WithReconnect], until its ctx ends. A permanent failure
// ([ConnectError.Permanent]) of every endpoint ends it at once.
func WithInitialRetry() ConnectOption {
	return connectOption(func(c *connectConfig) { c.initialRetry = true })
}

// WithLifetime ends the Client when ctx ends, as Disconnect with 5 s would.
// Err then matches [ErrClosed] and the cause of ctx.
func WithLifetime(ctx context.Context) ConnectOption {
	return connectOption(func(c *connectConfig) { c.lifetime = ctx })
}

// WithLogger makes the Client log: one line when a session begins or ends, one
// for each kind of trouble, and frames at slog.LevelDebug. Passcodes and
// Authorization headers are left out. The default discards all.
func WithLogger(l *slog.Logger) ConnectOption {
	return connectOption(func(c *connectConfig) { c.logger = l })
}

type bufferOption struct{ b buffer }

func (o bufferOption) applyConnect(c *connectConfig)     { c.buffer = o.b }
func (o bufferOption) applySubscribe(c *subscribeConfig) { c.buffer = &o.b }

// WithBuffer bounds what a subscription holds for its consumer, queue and
// channel together, in frames and in octets of header and body, and says what
// happens beyond. A single frame above the bound in octets is let in when
// nothing else waits. The default is 65,536 frames, 64 MiB and OverflowBlock;
// 0 keeps that bound.
func WithBuffer(frames int, bytes int64, policy Overflow) BufferOption {
	return bufferOption{buffer{frames, bytes, policy}}
}

// WithAck sets the ack mode. The default is AckAuto: the broker is done with a
// message when it has sent it. What is on its way when the connection breaks is
// lost, and what waits for its consumer when the program ends. In the other modes
// what a queue had sent and nobody has acknowledged is sent again, to the next
// session or to another subscriber.
func WithAck(mode AckMode) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.ack = mode })
}

// WithID sets the subscription's id, which durable subscriptions need. The
// default is one that the Client makes. An id that another live subscription
// has is [ErrDuplicateID]; "" is [ErrNoID]. RabbitMQ copies it into other
// entries without escapes: keep to letters, digits, - and _ (clause M8).
func WithID(id string) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.id, c.idSet = id, true })
}

// WithSelector sets the selector header, by which ActiveMQ and Artemis choose
// messages (SQL 92) and Spring where it is told to. RabbitMQ ignores it.
func WithSelector(expr string) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.selector = expr })
}

// WithHeaderFunc asks f for further entries each time that SUBSCRIBE is sent,
// such as the offset in a stream. f must not call methods of the Client.
func WithHeaderFunc(f func() Header) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.headerFunc = f })
}

// WithoutResubscribe makes the end of its session the end of the subscription:
// its channel closes, and Err matches [ErrConnectionLost].
func WithoutResubscribe() SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.sessionOnly = true })
}

// WithContentType sets the content-type of a SEND. The default is text/plain,
// and application/json from SendJSON; "" leaves the entry out.
func WithContentType(mime string) SendOption {
	return sendOption(func(c *sendConfig) { c.contentType, c.contentTypeSet = mime, true })
}

// WithoutContentLength leaves content-length out of a SEND: ActiveMQ then makes
// a TextMessage of it instead of a BytesMessage (clause F11). A body that holds
// a NUL is refused with it.
func WithoutContentLength() SendOption {
	return sendOption(func(c *sendConfig) { c.noContentLength = true })
}

// WithReplyTo sets the destination at which Request awaits the reply, and the
// reply-to header of a SEND. See [Client.Request] for the default.
func WithReplyTo(destination string) SendOption {
	return sendOption(func(c *sendConfig) { c.replyTo = destination })
}

// WithRetry makes a SEND arrive at least once: it asks for a receipt, and the
// same frame is sent again on the next session until its receipt comes or ctx
// ends. The broker may get it more than once: a receipt that was lost with its
// connection cannot be told from a message that was. Frames with WithRetry keep
// their order among themselves. An [*Error] of the broker that names the receipt
// ends it. It excludes transactions and Request.
func WithRetry() SendOption {
	return sendOption(func(c *sendConfig) { c.retry = true })
}
