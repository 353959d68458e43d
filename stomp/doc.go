// Package stomp is a client for STOMP 1.0, 1.1 and 1.2 over WebSocket: for
// RabbitMQ (Web STOMP), ActiveMQ Artemis, ActiveMQ Classic and Spring
// (@EnableWebSocketMessageBroker), and over any byte stream.
//
// [Connect] returns a [Client]; [Client.Subscribe] returns a channel to range
// over; contexts bound every wait:
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
// A ctx bounds waiting, everywhere, and is honoured at once. It never reaches
// the socket of a live session: a Send that gives up does not cost the others
// their connection. Subscribe's ctx is the subscription's life. Connect's ctx
// bounds Connect alone.
//
// # Channels
//
// A subscription's channel is closed for three reasons only: you ended it, the
// Client ended ([Client.Err] says why), or it failed alone ([Subscription.Err]
// says why). Each subscription has a bounded queue of its own, so that one slow
// consumer delays neither the others nor receipts nor heart-beats;
// [WithBuffer] says what happens when it is full.
//
// # Errors
//
// Errors say what was tried, on what and why, and answer to errors.Is (ErrX)
// and errors.As (*XError). [Unsent] says whether repeating a call is safe.
//
// Clauses such as C6 in the comments are those of the project's digest of the
// STOMP specification: F framing, C connecting, M client frames, S server
// frames, W WebSocket.
package stomp
