// Package stompotel makes OpenTelemetry spans and metrics of what a [stomp.Client] does, by the semantic conventions
// for messaging (1.43), and carries the trace context with the messages. It is a module of its own, so that nobody
// else has OpenTelemetry among the dependencies.
//
//	telemetry, err := stompotel.New() // spans and metrics go to the global providers
//	…
//	client, err := stomp.Connect(ctx, url, telemetry.ConnectOption())
//	…
//	defer client.Close() // also when Observe fails
//	stop, err := telemetry.Observe(client) // metrics of Client.Stats; and what spans say of the server
//	…
//	defer func() { client.Close(); stop() }() // in this order: the last figures are those of its end
//	// After that the providers may be shut down, which exports what is left.
//
//	err = client.Send(ctx, "/queue/orders", body) // a span, whose context the message carries
//
//	for m := range messages {
//		err := telemetry.Process(ctx, m, func(ctx context.Context) error { // a span in the same trace
//			return handle(ctx, m)
//		})
//		…
//		telemetry.Ack(ctx, m) // a span as well; m.Ack makes none
//	}
//
// While nothing is published, it takes two replacements in the go.mod of a service beside a checkout:
//
//	go mod edit -replace github.com/webstomp/webstomp=../webstomp
//	go mod edit -replace github.com/webstomp/webstomp/stomp/stompotel=../webstomp/stomp/stompotel
//
// The context travels only when there is a propagator: WithPropagator(propagation.TraceContext{}), or once in a program
// otel.SetTextMapPropagator.
//
// # Spans
//
//	name                 kind      from                   as long as
//	send <destination>   producer  each SEND of a Client  the call, for SendAsync until the Receipt is done
//	process <dest.>      consumer  Start, Process         until done is called, or handle returns
//	ack, nack <dest.>    client    Ack, Nack              the call
//
// A Request is one span from the SEND to the reply. Its responder's spans are children of it, and so is the reply,
// if it is sent with the ctx of Start.
//
// Attributes are messaging.operation.name and .type, messaging.system, messaging.destination.name (.template and
// .temporary where they apply), server.address and server.port, messaging.message.body.size,
// messaging.message.conversation_id (correlation-id), of consumers messaging.message.id, stomp.epoch,
// stomp.subscription.id and stomp.redelivered, messaging.client.id if [WithClientID] is given, and error.type. What
// stands in the body or in other entries is in none of them, except that a failed span's status is the text of the
// error. What is not UTF-8 becomes U+FFFD, here and in metrics: exporters refuse it.
//
// messaging.system is rabbitmq or activemq (Classic and Artemis: both are Apache ActiveMQ, and the conventions know no
// other value) by the server header of CONNECTED. Any other server, and any before Observe, is stomp: what is known
// of it is the protocol. messaging.destination.name is STOMP's destination as it was written, also on RabbitMQ, whose
// conventions are about exchanges: a client of STOMP does not learn what the server makes of "/queue/orders".
//
// error.type is broker_error (an ERROR), connection_lost, heart_beat, timeout and canceled (by ctx), client_closed,
// not_connected, stale, not_ackable, transaction_done, limit_exceeded, protocol_error, panic, what an error of your
// handler says in a method ErrorType() string, its type otherwise, and _OTHER for one of errors.New.
//
// # Metrics
//
// Those of the conventions, with the attributes of spans that are the same for all messages of a destination:
//
//	messaging.client.operation.duration    s          histogram  of send, ack and nack; as long as the span
//	messaging.client.sent.messages         {message}  counter    SENDs that were, or may have been, written
//	messaging.client.consumed.messages     {message}  counter    messages given to Start or Process
//	messaging.process.duration             s          histogram  of process
//
// Those of a Client, from [Telemetry.Observe], with messaging.system, server.address, server.port and
// messaging.client.id, and where (d) stands network.io.direction, transmit or receive. Counters stay when the Client
// has gone, and the next one with its messaging.client.id goes on from them. Servers beyond the first 16 have the
// server.address _OTHER in all metrics:
//
//	stomp.client.connected                 {session}       state    1 while there is a session, else 0
//	stomp.client.sessions                  {session}       counter  established; each but the first is a reconnect
//	stomp.client.connect.attempts          {attempt}       counter
//	stomp.client.connect.failures          {attempt}       counter  attempts that failed
//	stomp.client.frames                    {frame} (d)     counter  of all commands
//	stomp.client.io                        By (d)          counter  after the handshake, without TLS
//	stomp.client.heart_beats               {beat} (d)      counter
//	stomp.client.dropped.frames            {frame}         counter  that no consumer got
//	stomp.client.unmatched.frames          {frame}         counter  MESSAGEs that no subscription claimed
//	stomp.client.repaired.frames           {frame}         counter  received with a wrong content-length
//	stomp.client.stalls                    {stall}         counter  times that a full queue stopped reading
//	stomp.client.errors                    {error}         counter  ERRORs of the broker, after CONNECTED
//	stomp.client.stray.errors              {error}         counter  those for what is no longer known
//	stomp.client.receipts.pending          {receipt}       state    asked for and not answered yet
//	stomp.client.subscriptions             {subscription}  state    open
//	stomp.client.reply_queues              {queue}         state    of Request
//	stomp.client.queued.frames             {frame}         state    waiting for consumers
//	stomp.client.queued.size               By              state    memory that those take
//	stomp.client.unwritten.frames          {frame}         state    accepted, not handed to the connection yet
//	stomp.client.unwritten.size            By              state    bytes of those
//
// Those of open subscriptions, members of Groups among them, added up by destination (messaging.destination.name,
// .template or .temporary); what a subscription counts between the last collection and its end is missing here:
//
//	stomp.subscription.received.messages   {message}       counter  that have arrived
//	stomp.subscription.delivered.messages  {message}       counter  that consumers have taken
//	stomp.subscription.dropped.messages    {message}       counter  that no consumer got
//	stomp.subscription.stalls              {stall}         counter  times that the full queue stopped reading
//	stomp.subscription.restored            {time}          counter  taken again by the broker (WithResubscribe)
//	stomp.subscription.open                {subscription}  state
//	stomp.subscription.waiting             {subscription}  state    that stand on no session now
//	stomp.subscription.queued.messages     {message}       state    waiting for the consumer
//	stomp.subscription.queued.size         By              state    memory that those take
//
// States are up-down counters: they can be added up over clients. Prometheus' names have underscores for dots, _total
// behind a counter, _seconds for s and _bytes for By: stomp_client_io_bytes_total, stomp_subscription_queued_messages.
// [WithDestinationLimit] and [WithDestinationTemplate] bound how many time series there are.
package stompotel
