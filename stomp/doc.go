// Package stomp is a STOMP 1.0, 1.1 and 1.2 client over WebSocket, for RabbitMQ (Web STOMP), ActiveMQ Artemis,
// ActiveMQ Classic and Spring (@EnableWebSocketMessageBroker). It also runs over TCP, TLS and any other byte stream.
//
// [Connect] returns a [Client], and [Client.Subscribe] a channel to range over:
//
//	client, err := stomp.Connect(ctx, "ws://localhost:15674/ws", stomp.WithLogin("guest", "guest"))
//	…
//	defer client.Close()
//	messages, err := client.Subscribe(ctx, "/topic/prices")
//	…
//	for m := range messages {
//		fmt.Printf("%s\n", m.Body)
//	}
//	log.Print(ctx.Err(), client.Err()) // why there are no more
//
// What is known of each server is in [docs/brokers.md], recipes by what one wants to do in [docs/recipes.md], and the
// calls of other clients beside these in [docs/migrating.md].
//
// # Connecting
//
// The path of the URL is the server's affair: /ws on RabbitMQ, any on ActiveMQ, the application's on Spring, where
// /websocket is appended to an endpoint of SockJS. [WithHost] is the virtual host, [WithFailover] names further
// endpoints of the same broker, and [WithHTTPClient] brings TLS, proxy and cookies. What may be new each time, such
// as a token, is asked for before each attempt: [WithCredentials], [WithHTTPHeaderFunc], [WithBeforeConnect]. Connect
// tries each endpoint once, a single one for as long as its ctx lets it; with [WithInitialRetry] it goes on trying
// until that ends.
//
// A Client that is no longer needed must be ended. [Client.Drain] lets consumers finish, [Client.Disconnect] writes
// what was accepted and sends DISCONNECT, and [Client.Close] cuts the connection. A deferred Close after either does
// nothing.
//
// # Contexts
//
// A ctx bounds how long a call waits, and the call returns as soon as it ends. Cancelling one call never closes the
// shared connection, except a Drain, Disconnect or Reconnect. Connect's ctx bounds Connect alone. There are no
// timeout options.
//
// A call that returns a channel uses its ctx as the lifetime of that channel: when the ctx of a subscription ends, so
// does the subscription. So Send, Request and Ack take a ctx with a timeout, and Subscribe, [Client.NewGroup],
// [Client.Watch] and [Client.Unmatched] one without.
//
// # Subscribing
//
// A subscription's channel is closed for three reasons only: you ended the subscription, the Client ended
// ([Client.Err] says why), or the subscription alone failed: the broker has refused or cancelled it, its queue was
// full, or its session ended with [WithoutResubscribe]. The [Subscription] that [Client.NewSubscription] returns has
// the channel as C, and [Subscription.Err] says which it was. [SubscribeJSON] and [SubscribeAs] decode the bodies,
// and a body that does not decode is a value with an error.
//
// Subscribe does not wait for the broker. With [WithReceipt] it does; what is sent to a topic before the broker has
// the subscription is not for this subscriber. Spring's simple broker sends no receipts: there, nothing tells.
//
// # Acknowledging
//
// By default the broker is done with a message once it has sent it. With [WithAck] it keeps a message until
// [Frame.Ack], and sends an unacknowledged one again when its session or subscription has ended. While they live it
// does not: a message that is neither acknowledged nor refused keeps its place in the prefetch, and [Client.Drain]
// waits for it. So what fails is tried again here, or refused. An ACK goes out on the session that delivered the
// message or not at all ([ErrStale]): that is no reason to stop, since the broker delivers the message again. So a
// worker is this:
//
//	jobs, err := client.Subscribe(ctx, "/queue/jobs",
//		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "10"))
//	…
//	for job := range jobs {
//		answer := job.Ack
//		if err := work(job); err != nil {
//			answer = job.Nack
//		}
//		if err := answer(ctx); err != nil && !errors.Is(err, stomp.ErrStale) {
//			log.Print(err)
//		}
//	}
//
// The prefetch is how many messages the broker hands out before it wants the first one acknowledged. Each server has
// a header of its own for it: prefetch-count on RabbitMQ, activemq.prefetchSize on ActiveMQ Classic,
// consumer-window-size on Artemis, in bytes. To work on several at a time, let several goroutines range over the same
// channel. What NACK does is the server's affair, too: RabbitMQ delivers the message again at once, Classic moves it
// to a dead letter queue, and Artemis drops it.
//
// # Sending
//
// [Client.Send] returns when the frame is queued. It waits only during an outage, while 1 MiB is queued already, and
// for a second or so while the Client finds out which frame makes the server end its sessions. [WithReceipt] waits
// for the broker's confirmation; [Client.SendAsync] leaves the wait to a [Receipt], so that thousands are confirmed
// at a time. [Client.Request] waits for a reply, which [Client.Reply] sends. [Client.Begin] makes a [Transaction],
// whose frames take effect together. The content-type is text/plain unless [WithContentType] says otherwise;
// [WithSendDefaults] sets options for every SEND.
//
// # Losing nothing
//
// One thing is lost silently: a frame without a receipt that was in flight when the connection broke. Against that,
// in this order:
//
//   - [WithReceipt], or SendAsync: the broker has it, or an error tells. [Unsent] reports whether sending again is
//     safe.
//   - [WithRetry]: it is sent again, across sessions, until the broker has confirmed it. That is at least once: a
//     lost receipt looks like a lost message, so receivers must bear a repeat. Give it a ctx that ends.
//   - [WithPersistent], and a durable queue: what the broker has confirmed outlives its restart.
//   - On the other side [WithAck], and a durable subscription for a topic, or a queue.
//
// # Reconnecting
//
// A lost connection is replaced, with the delays of [Backoff], unless [WithoutReconnect] is used. Channels stay open:
// each subscription is restored before anything else is sent, and a change of [Frame.Epoch] shows where messages may
// be missing. Frames that were accepted and not yet written go out on the next session. Transactions, Requests and
// acknowledgements end with their session. Calls wait for the next session within their ctx, unless [WithoutWaiting]
// has them fail at once. [Client.Reconnect] makes a new session when you want one, and [WithResubscribe] keeps a
// subscription that the broker cancels.
//
// A Client gives up when [Backoff] says so: never because of an outage by default, and because of rejected
// credentials when that has lasted for five minutes.
//
// # Slow consumers
//
// Each subscription has a bounded queue of its own, by default of 65,536 frames or 64 MiB, of which up to 8 frames
// lie in the channel. While there is room in it, a slow consumer delays neither other subscriptions nor receipts nor
// heart-beats. [WithBuffer] sets the bound, and what happens beyond:
//
//	OverflowBlock       reading from the connection stops until there is room; nothing is lost (the default)
//	OverflowDropOldest  the oldest that waits is dropped
//	OverflowDropNewest  the one that arrives is dropped
//	OverflowFail        the subscription ends with ErrSlowConsumer
//	OverflowLatest      of each destination only the newest waits
//
// # Groups and conflation
//
// A [Group] is many subscriptions on one channel, with one queue and no goroutine each: a thousand topics are a
// thousand SUBSCRIBEs, and nothing that runs. Members come and go with [Group.Add] and [Member.Unsubscribe], and one
// that fails comes on [Group.Failed] while the others go on. With [OverflowLatest] a consumer of prices, however
// slow, sees every topic's newest value and never an old one.
//
// # Errors
//
// Errors say what was tried, on what, and why it failed. They match errors.Is (ErrX) and errors.As (*XError).
//
//	error                    means                                             try again?
//	ErrNotConnected          there is no session now                           later
//	ErrConnectionLost        the session ended before the answer came          if Unsent; else it may arrive twice
//	ctx's own                your ctx ended first                              if Unsent; else it may arrive twice
//	ErrHeartBeat             the server fell silent, why a session ended       the Client does so
//	*CloseError              the server closed the WebSocket, likewise         the Client does so
//	*Error                   the broker's ERROR, in its own words              seldom: it refuses what was asked for
//	*ConnectError            an attempt to connect failed                      unless it is Permanent
//	ErrStale                 an ACK came after its session or subscription     no: the broker delivers it again
//	ErrNotAckable            acknowledged already, or in auto mode             no
//	ErrSlowConsumer          OverflowFail has ended the subscription           subscribe again
//	ErrTransactionDone       committed, aborted, or ended with its session     begin another
//	ErrGroupEnded            Add came after the Group's end                    with another Group
//	ErrNoReplyTo             the request wants no reply                        no
//	ErrNoDestination         the call has no destination                       no
//	ErrNoID, ErrDuplicateID  WithID is empty, or another's                     no
//	*LimitError              a frame exceeds Limits                            no
//	*ProtocolError           a frame breaks the protocol                       no
//	ErrClosed                the Client has ended, or is about to              with another Client
//
// When ctx ends during an outage, the error is both ErrNotConnected, with the reason for the outage, and ctx's own: ask
// for ErrNotConnected before context.DeadlineExceeded. [WithoutWaiting] has ErrNotConnected at once.
//
// Clauses such as C6 are rules of the protocol, listed in [docs/protocol.md]: F framing, C connecting, M client
// frames, S server frames, W WebSocket.
//
// # Status, logs and hooks
//
// [Client.Status] and [Client.Watch] tell what the Client is doing, and why the last session ended. [Client.Stats]
// counts, and [Client.Subscriptions] says of each subscription what waits and why. [WithLogger] logs what goes wrong,
// and every frame at slog.LevelDebug, with secrets left out. [WithSendHook] sees each SEND, may change or refuse it,
// and is told what becomes of it: for tracing, metrics and encryption. Package stompotel, a module of its own, makes
// OpenTelemetry spans and metrics of all that.
//
// # Testing
//
// Package stomptest ([github.com/webstomp/webstomp/stomp/stomptest]) is an in-memory broker for the tests of your own
// code. It can also cut connections, fall silent, refuse frames, behave like a named server, and run inside
// testing/synctest.
//
// [docs/brokers.md]: https://github.com/webstomp/webstomp/blob/main/docs/brokers.md
// [docs/recipes.md]: https://github.com/webstomp/webstomp/blob/main/docs/recipes.md
// [docs/migrating.md]: https://github.com/webstomp/webstomp/blob/main/docs/migrating.md
// [docs/protocol.md]: https://github.com/webstomp/webstomp/blob/main/docs/protocol.md
package stomp
