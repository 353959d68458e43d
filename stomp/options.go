package stomp

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options of several calls.
type (
	// HeaderOption is an option of every call that sends a frame of its own.
	HeaderOption interface {
		ConnectOption
		SubscribeOption
		SendOption
		FrameOption
	}
	// CallOption is an option of every call but Connect.
	CallOption interface {
		SubscribeOption
		SendOption
		FrameOption
	}
	// BufferOption is an option of Connect, as the default of all subscriptions and Groups, of a single subscription,
	// and of a Group.
	BufferOption interface {
		ConnectOption
		SubscribeOption
		GroupOption
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

// WithHeader adds one header entry to the frame that the call sends: CONNECT, SUBSCRIBE, SEND, ACK and so on. Several
// add up, in order; of a repeated name the first counts (clause F8).
//
// The names that the library writes itself are refused, in every frame, with an error that says what to use instead:
// destination, content-type, content-length, reply-to, receipt, receipt-id, transaction, id, ack, selector,
// subscription, message-id, accept-version, heart-beat, host, login and passcode. So is an empty name,
// and on SUBSCRIBE an x-stream-offset that is a bare number ([WithSubscribeHeaderFunc]).
func WithHeader(name, value string) HeaderOption { return entry{name, value} }

type withoutWaiting struct{}

func (withoutWaiting) applySubscribe(c *subscribeConfig) { c.noWait = true }
func (withoutWaiting) applySend(c *sendConfig)           { c.noWait = true }
func (withoutWaiting) applyFrame(c *frameConfig)         { c.noWait = true }

// WithoutWaiting makes the call fail with [ErrNotConnected] when there is no session, instead of waiting for the next
// one within ctx.
func WithoutWaiting() CallOption { return withoutWaiting{} }

// WithReceipt makes the call wait until the broker confirms the frame with a RECEIPT (clause M5). It fails with an
// [*Error] if the broker refuses the frame, with [ErrConnectionLost] if the session ends first (the outcome is
// unknown), and with ctx's error if ctx ends first. Subscribe waits for the answer on the next session, and so does a
// SEND of which nothing was written yet, or [WithRetry]. Any number of calls may wait at the same time. Spring's
// simple broker sends no RECEIPT: the call then waits until ctx ends.
func WithReceipt() CallOption { return receiptOption{} }

// WithLogin sends login and passcode with CONNECT. It excludes [WithCredentials].
func WithLogin(login, passcode string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.login = &credentials{login, passcode} })
}

// WithCredentials calls f for login and passcode before every attempt to connect, with the ctx of that attempt. An
// error of f ends the attempt. f must not call methods of the Client. It excludes [WithLogin].
func WithCredentials(f func(ctx context.Context) (login, passcode string, err error)) ConnectOption {
	return connectOption(func(c *connectConfig) {
		c.credentials = f
		c.needs("WithCredentials", f != nil)
	})
}

// WithHost sets CONNECT's host header, which RabbitMQ takes as the virtual host. The default is "/", never the host
// of the URL (clause C1).
func WithHost(virtualHost string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.host = virtualHost })
}

// WithVersions sets the versions offered to the server, by default all three. The WebSocket subprotocols offered
// follow them (clauses C1 and W1).
func WithVersions(v ...Version) ConnectOption {
	return connectOption(func(c *connectConfig) { c.versions = v })
}

// WithHeartBeat proposes heart-beats: we send one at least every send, and want one from the server at least every
// receive. 0 disables that direction: nothing is sent then, and RabbitMQ and Artemis close a connection over which
// nothing has come for 60 s. The agreed interval is the longer of what the two sides propose (clause C6), shown in
// [Session]. Ours go out twice as often as agreed, whatever else is sent. The connection is cut ([ErrHeartBeat])
// after twice the agreed interval without a byte from the server; for ActiveMQ Classic and Spring's simple broker,
// which skip heart-beats, after three times. Fractions of a millisecond are rounded up. More than 24 days, which
// brokers cannot read, is an error.
//
// Without this option we want one every 10 s, and send one every 5 s, which is not agreed over a WebSocket: a
// promised one makes RabbitMQ (every version up to 4.3.6) drop fast publishers there. The error of a connection that
// may have been lost to that says so; a send of 0 is the remedy while it publishes. On tcp: and tls: URLs that the
// library dials itself, and with a client-id in CONNECT, we promise one every 10 s: the server would hold a dead
// connection, its client-id and its place below a limit for many minutes otherwise. [WithDialer] may lead to a
// WebSocket, so with it none is promised; over a bare socket of yours, promise them with this option.
func WithHeartBeat(send, receive time.Duration) ConnectOption {
	return connectOption(func(c *connectConfig) { c.beats = beatConfig{send: send, receive: receive} })
}

// WithHTTPClient sets the client for the WebSocket upgrade, with its TLS configuration, proxy, cookies and redirect
// policy. The client is not changed. Its Timeout bounds each attempt until the upgrade, or the TLS handshake, is
// done.
//
// The default, and what nil stands for, is http.DefaultClient, which uses the proxy of HTTP_PROXY and HTTPS_PROXY. A
// Transport of your own does so with Proxy set to http.ProxyFromEnvironment. An HTTP proxy is asked for a tunnel
// (CONNECT), with or without TLS; its user and password are those in its URL.
//
// Redirects are followed only if the client has a CheckRedirect, and never from TLS to plain text. A redirect to a
// host that is neither the same nor a subdomain of it drops Authorization and Cookie. Other headers are kept, and
// CONNECT's login goes to whichever server accepts the upgrade.
//
// For tls: and tcp: URLs, DialContext, DialTLSContext and TLSClientConfig of its *http.Transport are used, and no
// proxy. Under GOOS=js it is an error: a browser makes the connection itself.
func WithHTTPClient(client *http.Client) ConnectOption {
	return connectOption(func(c *connectConfig) { c.httpClient = client })
}

// WithHTTPHeader adds header to the request for the WebSocket upgrade. nil adds nothing. Under GOOS=js it is an error:
// a browser sends no header of ours.
func WithHTTPHeader(header http.Header) ConnectOption {
	return connectOption(func(c *connectConfig) { c.httpHeader = header.Clone() })
}

// WithHTTPHeaderFunc calls f before every attempt, with the ctx of that attempt, for further headers of the WebSocket
// upgrade, such as a fresh bearer token. They replace those of [WithHTTPHeader] with the same name. An error of f
// ends the attempt. f must not call methods of the Client. Under GOOS=js it is an error, as WithHTTPHeader.
func WithHTTPHeaderFunc(f func(ctx context.Context) (http.Header, error)) ConnectOption {
	return connectOption(func(c *connectConfig) {
		c.httpHeaderFunc = f
		c.needs("WithHTTPHeaderFunc", f != nil)
	})
}

// WithBeforeConnect calls f before every attempt to connect, with the ctx of that attempt: a place for everything
// that may be new each time, a fresh token in CONNECT's header, in the HTTP header or in the URL, with the reason why
// the last session or attempt ended. It runs after the functions of [WithCredentials] and [WithHTTPHeaderFunc], whose
// results it sees; several run in the order given. An error of f ends the attempt, and is not taken for a refusal. An
// entry of Header that the library writes itself, or one of HTTPHeader where there is no upgrade or a browser makes it,
// is that attempt's error. f must not call methods of the Client.
//
// These functions are also called for a connection that only asks whether the broker would accept a subscription, in
// the midst of a session (see [WithResubscribe]; where sessions end over a SUBSCRIBE, without that as well). Number
// is 1 there, and Err the refusal before with WithResubscribe, else nil. [Stats] does not count it.
func WithBeforeConnect(f func(ctx context.Context, a *Attempt) error) ConnectOption {
	return connectOption(func(c *connectConfig) {
		c.beforeConnect = append(c.beforeConnect, f)
		c.needs("WithBeforeConnect", f != nil)
	})
}

// WithSubprotocols replaces the WebSocket subprotocols offered, by default v12.stomp, v11.stomp and v10.stomp for the
// versions of [WithVersions] (clause W1). Without names, none is offered.
func WithSubprotocols(names ...string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.subprotocols = append([]string{}, names...) })
}

// WithCompression offers permessage-deflate. It is off by default: with it RabbitMQ compresses every message and
// carries a third as many per second. Under GOOS=js it is an error: a browser offers it by itself.
func WithCompression() ConnectOption {
	return connectOption(func(c *connectConfig) { c.compression = true })
}

// WithMessageType sets the type of outgoing WebSocket messages. The default is MessageAuto. Both types are accepted
// when received (clause W3). Under GOOS=js a body that is not UTF-8 is an error with MessageText.
func WithMessageType(t MessageType) ConnectOption {
	return connectOption(func(c *connectConfig) { c.messageType = t })
}

// WithPing sends a WebSocket ping at that interval, which must be above 0. A session in which nothing comes between a
// ping and the next is cut with [ErrHeartBeat]. It is off by default: STOMP's heart-beats do the same, and some
// servers do not count pings as activity. Under GOOS=js it is an error: a browser sends none of ours.
func WithPing(every time.Duration) ConnectOption {
	return connectOption(func(c *connectConfig) { c.ping, c.pingSet = every, true })
}

// WithMessageSplit splits a frame longer than that many bytes, 4 at least, into several WebSocket messages. Spring on
// Tomcat needs it (16,640 by default there); ActiveMQ Classic does not accept it. Text is cut between characters. The
// default is never to split.
func WithMessageSplit(bytes int) ConnectOption {
	return connectOption(func(c *connectConfig) { c.split, c.splitSet = bytes, true })
}

// WithEscapedConnect escapes the header of CONNECT like that of other frames, against the specification (clause F7).
// RabbitMQ and ActiveMQ Classic unescape it, so a passcode with a backslash needs this option there.
func WithEscapedConnect() ConnectOption {
	return connectOption(func(c *connectConfig) { c.escapedConnect = true })
}

// WithDialer runs STOMP over any byte stream instead of the library's own connection. dial is called with the ctx of
// the attempt, which ends with that attempt, and the URL given to Connect, of any scheme. The Client closes what dial
// returns. It excludes the options of a WebSocket: [WithHTTPClient], [WithHTTPHeader], [WithHTTPHeaderFunc],
// [WithSubprotocols], [WithCompression], [WithMessageType], [WithMessageSplit] and [WithPing]. dial must not call
// methods of the Client.
//
// A connection that is itself a WebSocket, such as the NetConn of coder/websocket or nhooyr.io/websocket, gets each
// frame in one Write, and so in one message (clause W2). It is recognized by the network of its LocalAddr,
// "websocket"; one of your own should return the same.
//
// If Close of a connection waits for its peer, the Client sets a deadline in the past first, so that a silent peer
// does not delay it.
func WithDialer(dial func(ctx context.Context, url string) (net.Conn, error)) ConnectOption {
	return connectOption(func(c *connectConfig) {
		c.dialer = dial
		c.needs("WithDialer", dial != nil)
	})
}

// WithLimits bounds frames, both received and sent. Zero fields keep their defaults; see [Limits].
func WithLimits(l Limits) ConnectOption {
	return connectOption(func(c *connectConfig) { c.limits = l })
}

// WithFailover adds further endpoints of the same broker. Connect tries each once, in the order given, and shares the
// time that its ctx has among them. After a loss, the lost one is tried first, or last if it fell silent, then the
// others in order, round and round: [Backoff] delays each round, and within one the next endpoint is tried at once.
// An attempt takes at most 5 s while other endpoints are left in the round, else 15 s. A URL that makes no sense is
// Connect's error; with [WithDialer] or [WithBeforeConnect], which may replace it, it is one of that attempt alone.
func WithFailover(urls ...string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.failover = append([]string{}, urls...) })
}

// WithShuffle makes the Client draw an order of its own of its endpoints, Connect's URL among them, once and for all:
// it stands for the order in which they were given, wherever that counts (see [WithFailover]). So the clients of a
// cluster spread over its nodes, and those of a node that dies over all that are left, and not over the next one
// alone.
func WithShuffle() ConnectOption {
	return connectOption(func(c *connectConfig) { c.shuffle = true })
}

// WithReconnect sets when a lost connection is tried again. Reconnecting is on by default, with the defaults of
// [Backoff]. The Client ends after Backoff.Attempts in one outage, or when every endpoint that answers has rejected
// its credentials for Backoff.Refused ([ConnectError.Refused]).
//
// Channels of subscriptions stay open across a reconnect. SUBSCRIBEs go out in the order in which the subscriptions
// were made, before anything that waits to be sent. [Frame.Epoch] shows where messages may be missing. Transactions
// and acknowledgements end with their session.
func WithReconnect(b Backoff) ConnectOption {
	return connectOption(func(c *connectConfig) { c.backoff, c.once = b, false })
}

// WithoutReconnect makes a lost connection end the Client. What had arrived is still delivered; see [Client.Done].
func WithoutReconnect() ConnectOption {
	return connectOption(func(c *connectConfig) { c.once = true })
}

// WithInitialRetry makes Connect retry until its ctx ends, with the Backoff of [WithReconnect]: like a Client that
// reconnects, it gives up after Attempts, and when its credentials have been rejected for Refused. URLs that make no
// sense end it at once.
func WithInitialRetry() ConnectOption {
	return connectOption(func(c *connectConfig) { c.initialRetry = true })
}

// WithLifetime ends the Client when ctx ends, as Disconnect within 5 s. Client.Err then matches [ErrClosed] and the
// cause of ctx. It is watched once Connect has succeeded, and does not end Connect. nil is as if it had not been
// given.
func WithLifetime(ctx context.Context) ConnectOption {
	return connectOption(func(c *connectConfig) { c.lifetime = ctx })
}

// WithLogger makes the Client log: a line when a session begins or ends, one for each kind of problem, and at
// slog.LevelDebug every frame, with the first 64 bytes of its body, and what ends with the deadline of its ctx. What
// begins, is back, or ends because somebody wished it is slog.LevelInfo, a fault that ends the Client
// slog.LevelError, and any other slog.LevelWarn. In an outage it logs the first failed attempt, each new reason, and
// a line about once a minute. Passcodes, Authorization headers and the query of a URL are left out. By default
// nothing is logged.
func WithLogger(l *slog.Logger) ConnectOption {
	return connectOption(func(c *connectConfig) { c.logger = l })
}

type bufferOption struct{ b buffer }

func (o bufferOption) applyConnect(c *connectConfig)     { c.buffer = o.b }
func (o bufferOption) applySubscribe(c *subscribeConfig) { c.buffer = &o.b }
func (o bufferOption) applyGroup(c *groupConfig)         { c.buffer = &o.b }

// WithBuffer bounds what a subscription or a Group holds for its consumer, queue and channel together, in frames and
// in bytes of memory, and sets what happens beyond. A frame counts as its body, the text of its header, 32 bytes for
// each header entry, and 192 bytes. A single frame larger than the bytes is accepted when nothing else waits. The
// default is 65,536 frames, 64 MiB and OverflowBlock; 0 is that bound, also where Connect was given another.
//
// Of the frames, the channel itself has room for 8, or for half of them if that is less, but for one at least; with
// [OverflowLatest], in a Group and with [SubscribeAs] for none. What lies there stays readable when the subscription
// has ended. The queue behind it takes memory only while it holds something.
func WithBuffer(frames int, bytes int64, policy Overflow) BufferOption {
	return bufferOption{buffer{frames, bytes, policy}}
}

// WithAck sets the ack mode. The default is AckAuto: the broker is done with a message once it has sent it. Messages
// in flight are then lost when the connection breaks, and messages that wait for their consumer when the program
// ends. In the other modes a queue sends a message that was not acknowledged again, to the next session or to another
// subscriber.
func WithAck(mode AckMode) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.ack = mode })
}

// WithID sets the subscription's id, which durable subscriptions need. By default the Client makes one. The id of
// another live subscription is [ErrDuplicateID]; "" is [ErrNoID]. It may be used again as soon as the UNSUBSCRIBE of
// that subscription is accepted for sending: when its ctx has closed its channel, or its Unsubscribe has returned.
// What the broker sends before it has seen that UNSUBSCRIBE then comes to the new subscription. RabbitMQ copies the
// id into other headers without escapes, so keep to letters, digits, - and _ (clause M8).
func WithID(id string) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.id, c.idSet = id, true })
}

// WithSelector sets the selector header, by which ActiveMQ and Artemis filter messages (SQL 92), and Spring if
// configured to. RabbitMQ ignores it.
func WithSelector(expr string) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.selector = expr })
}

// WithSubscribeHeaderFunc calls f for further entries of each SUBSCRIBE, reconnects included: where to resume a
// stream, a token that must be fresh. An error of f is that of Subscribe. On a reconnect, or where Subscribe was
// called in an outage, the subscription waits instead and f is asked again, with the delays of [WithReconnect];
// everything else goes on, and does so as well when f takes longer than a second. f is also called for a connection
// that only asks for the subscription ([WithResubscribe]). ctx ends with the session, with the subscription, when
// Subscribe's own ends and after 15 s. f is not called again before it has returned, and must not call methods of the
// Client. An x-stream-offset that is a bare number, 4, is an error, here and in [WithHeader]: RabbitMQ would skip
// what is in the stream. Write offset=4.
func WithSubscribeHeaderFunc(f func(ctx context.Context) (Header, error)) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) {
		c.headerFunc = f
		c.headerFuncSet = true
	})
}

// WithResubscribe keeps a subscription open that the broker refuses or cancels, and asks for it again by b: for a
// queue that comes back, such as a classic queue of RabbitMQ whose home node restarts, or one that an operator
// deletes and declares anew. Without it such a subscription ends alone. What ends a session is not its business: all
// subscriptions are restored then, unless [WithoutResubscribe] says otherwise, which excludes this option.
//
// The delays are those of [Backoff], without rounds: the n-th refusal in a row is followed by one drawn evenly
// between 0 and Min·Factor^(n-1), at most Max, and n starts again at 1 after a subscription that lasted longer than
// that. After b.Attempts refusals since the broker accepted it last, not counting the first, the subscription ends,
// and Err is the last one; 0 is no limit. b.Refused does not matter. [Client.Reconnect] has it asked for at once.
// These count as a refusal:
//   - what the broker says of the subscription;
//   - the end of a connection that was made to ask (see below), where the broker ends it over SUBSCRIBE while the
//     session stands; Err matches a [*CloseError] then, or [ErrConnectionLost] if it only cuts the connection.
//
// A lost session does not, nor a connection that cannot be had, nor an error of [WithSubscribeHeaderFunc]'s function.
//
// Meanwhile the channel stays open, what had arrived is delivered, [Subscription.Confirmed] and Subscribe
// [WithReceipt] wait within their ctx, and everything that ends a subscription ends it at once, without UNSUBSCRIBE.
// Frames that were handed out before are [ErrStale]. What may be missing shows in [SubscriptionStats].Restored, and
// in the log: a warning when it begins to wait, and a line when it is back.
//
// RabbitMQ ends the session over a SUBSCRIBE that it refuses, and over one to a queue that was deleted in that
// session. So there, and on a server that has ended a session over this subscription, it is asked for on a connection
// of its own first, with the URL of the session, all options of Connect but [WithHeartBeat], and their functions (the
// Number of [WithBeforeConnect]'s Attempt is 1, and Err is the refusal), and in a client mode: the first message that
// waits may come as redelivered, and from a queue with auto-delete:true, which has to be held meanwhile, out of its
// order. What comes of that ends no session. Only when no such connection can be had for a minute, or CONNECT has
// a client-id that forbids a second one, the session itself is put at risk. A queue that is exclusive
// (exclusive:true, or durable:false) is asked for by a new session, as Reconnect makes it; with [WithoutReconnect]
// such a subscription ends.
func WithResubscribe(b Backoff) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.again = &b })
}

// WithoutResubscribe ends the subscription with its session: its channel closes, in auto mode when everything that
// had arrived is delivered, and Err matches [ErrConnectionLost]. [WithResubscribe] is about something else, a broker
// that refuses or cancels one subscription, and excludes this option.
func WithoutResubscribe() SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) { c.sessionOnly = true })
}

// WithContentType sets the content-type of a SEND. The default is text/plain, and application/json for SendJSON; ""
// omits the header.
func WithContentType(mime string) SendOption {
	return sendOption(func(c *sendConfig) { c.contentType = mime })
}

// WithoutContentLength omits content-length from a SEND: ActiveMQ then makes it a TextMessage instead of a
// BytesMessage (clause F11). A body with a NUL is then an error.
func WithoutContentLength() SendOption {
	return sendOption(func(c *sendConfig) { c.noContentLength = true })
}

// WithReplyTo sets the reply-to header of a SEND, which is where Request waits for the reply. See [Client.Request]
// for the default.
func WithReplyTo(destination string) SendOption {
	return sendOption(func(c *sendConfig) { c.replyTo = destination })
}

// WithRetry delivers a SEND at least once: it asks for a receipt, and sends the same frame again until the receipt
// comes or ctx ends: on each next session, and on one that lives 15 s after the last time, then after 30 s, doubled
// up to 4 minutes. The broker may get it more than once, and the subscribers of a topic each repeat, because a lost
// receipt looks like a lost message. Give it a ctx that ends: RabbitMQ tells nobody when a queue rejects a message.
// Frames with WithRetry keep their order among themselves, except for those held back: when the server ends session
// after session while a frame is unanswered, it is tried alone, with pauses. Everything else goes on, but for the
// second or so, 8 s at most, that a trial takes. If the server goes on ending the session over it for half a minute,
// the error is the server's own [*Error] or [*CloseError], or where it only cuts the connection, after 5 minutes,
// [ErrConnectionLost]. An [*Error] of the broker that names the receipt ends it at once. It excludes transactions and
// Request.
func WithRetry() SendOption {
	return sendOption(func(c *sendConfig) { c.retry = true })
}

// WithPersistent sends persistent:true: the broker keeps the message across a restart, if the queue that it waits in
// is durable as well. Without it RabbitMQ and Artemis may lose even a message that they have confirmed.
func WithPersistent() SendOption {
	return sendOption(func(c *sendConfig) { c.header = append(c.header, entry{"persistent", "true"}) })
}

// WithSendDefaults applies opts to every SEND of the Client, before the call's own options; several add up. An entry
// of the call replaces one of the defaults with the same name. WithRetry, WithReceipt and WithReplyTo do not count in
// transactions, WithRetry and WithReplyTo not in [Client.Request].
func WithSendDefaults(opts ...SendOption) ConnectOption {
	return connectOption(func(c *connectConfig) { c.sendDefaults = append(c.sendDefaults, opts...) })
}
