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
//
// # Contexts
//
// A ctx bounds how long a call waits, and the call returns as soon as it ends. Cancelling one call never closes the
// shared connection. Connect's ctx bounds Connect alone. A call that returns a channel uses its ctx as the lifetime
// of that channel: when the ctx of a subscription ends, so does the subscription. There are no timeout options.
//
// A Client that is no longer needed must be ended. [Client.Drain] lets consumers finish, [Client.Disconnect] writes
// what was accepted and sends DISCONNECT, and [Client.Close] cuts the connection.
//
// # Sending
//
// [Client.Send] returns when the frame is queued. [WithReceipt] waits for the broker's confirmation,
// [Client.SendAsync] leaves the wait to a [Receipt], and [WithRetry] repeats the frame across reconnects until it is
// confirmed. [Client.Request] waits for a reply, and [Client.Begin] groups frames in a [Transaction].
//
// # Channels
//
// A subscription's channel is closed for three reasons only: you ended the subscription, the Client ended
// ([Client.Err] says why), or the subscription alone failed ([Subscription.Err] says why). Each subscription has a
// bounded queue of its own. While there is room in it, a slow consumer delays neither other subscriptions nor
// receipts nor heart-beats. When it is full, reading stops until there is room again, or as [WithBuffer] says.
//
// # Acknowledgements
//
// By default the broker is done with a message once it has sent it. With [WithAck], it keeps a message until
// [Client.Ack], and sends an unacknowledged one again. An ACK goes out on the session that delivered the message or
// not at all ([ErrStale]).
//
// # Reconnecting
//
// A lost connection is replaced, with the delays of [Backoff], unless [WithoutReconnect] is used. Channels stay open:
// each subscription is restored before anything else is sent, and a change of [Frame.Epoch] shows where messages may
// be missing. Frames that were accepted and not yet written go out on the next session. [Client.Watch] reports each
// change of state.
//
// # Errors
//
// Errors say what was tried, on what, and why it failed. They match errors.Is (ErrX) and errors.As (*XError).
// [Unsent] reports whether repeating the call is safe.
//
// Clauses such as C6 are rules of the protocol, listed in docs/protocol.md: F framing, C connecting, M client frames,
// S server frames, W WebSocket.
//
// # Testing
//
// Package stomptest is an in-memory broker for the tests of your own code. It can also cut connections, fall silent
// and refuse frames.
package stomp
