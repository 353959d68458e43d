// Package stomptest is an in-memory STOMP broker over WebSocket, for tests and demos. It is not for production:
// nothing outlives the process, selectors are ignored, and what a slow client has not read is kept in memory without
// bound.
//
// NewBroker starts one and Close stops it, as with net/http/httptest. It speaks STOMP 1.0, 1.1 and 1.2 to any client:
//
//	broker := stomptest.NewBroker()
//	defer broker.Close()
//	client, err := stomp.Connect(ctx, broker.URL())
//
// # Destinations
//
// /topic/… and /exchange/… are topics: every subscriber gets each message, and who is not there misses it. Everything
// else is a queue: a message waits until one subscriber takes it, in order and round robin; NACK, UNSUBSCRIBE,
// DISCONNECT and a lost connection put back what was not acked, marked redelivered:true, a NACKed message for another
// subscriber if there is one, and with requeue:false for nobody. /temp-queue/… is private to a connection and ends
// with it; a reply-to that names one is rewritten so that whoever receives the request can SEND to it, and needs no
// SUBSCRIBE.
//
// A durable subscription of a topic collects while its subscriber is away, if it is asked for in the server's own way:
// durable:true and auto-delete:false (Generic and RabbitMQ; the id or x-queue-name names it), or a client-id and
// activemq.subscriptionName, durable-subscription-name or durable-subscriber-name (Generic, ActiveMQ, OpenMQ). The
// UNSUBSCRIBE with the same entries ends it. x-queue-type:stream makes a queue a stream (Generic and RabbitMQ), which
// keeps what was read: x-stream-offset says where a reader begins.
//
// Time to live, dead letters and scheduled delivery are not imitated: a retry queue with x-message-ttl keeps its
// messages. A test moves them itself with Publish, say from an interceptor and time.AfterFunc.
//
// # Faults
//
// A test can make the broker misbehave at any time: Cut, CloseConnections, Silence, Delay, RefuseHandshakes, SendRaw,
// SendFrame, Cancel, Refuse; Intercept decides about each frame in either direction. WithProfile makes it behave as RabbitMQ,
// ActiveMQ Classic, ActiveMQ Artemis, Spring or OpenMQ does where they part from the specification or from each
// other.
//
// # Time
//
// With WithPipe the broker opens no sockets and works inside a testing/synctest bubble: Client returns an HTTP
// client, and Dial a connection, over in-memory pipes. Time is the time package's alone.
//
// # In a browser
//
// Under GOOS=js there is no WebSocket server, and Dial is the way in: stomp.WithDialer(broker.Dial).
package stomptest
