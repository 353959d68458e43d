package stompotel

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/webstomp/webstomp/stomp"
)

// observable is one metric, or one of those that share an instrument, and where its value comes from.
type observable[T any] struct {
	name, unit, description string
	direction               attribute.KeyValue // network.io.direction; not valid: it has none
	read                    func(*T) int64

	// Set by register.
	instrument metric.Int64Observable
	option     metric.ObserveOption // of the direction
}

var (
	received = semconv.NetworkIODirectionReceive
	sent     = semconv.NetworkIODirectionTransmit
	neither  attribute.KeyValue
)

// What a Client counts. A counter is reported for the server that was connected when it grew.
var clientCounters = []observable[stomp.Stats]{
	{"stomp.client.sessions", "{session}", "Sessions established.", neither, func(s *stomp.Stats) int64 { return int64(s.Sessions) }, nil, nil},
	{"stomp.client.connect.attempts", "{attempt}", "Attempts to connect.", neither, func(s *stomp.Stats) int64 { return int64(s.Attempts) }, nil, nil},
	{"stomp.client.connect.failures", "{attempt}", "Attempts to connect that failed.", neither, func(s *stomp.Stats) int64 { return int64(s.FailedAttempts) }, nil, nil},
	{"stomp.client.frames", "{frame}", "Frames of all commands.", received, func(s *stomp.Stats) int64 { return int64(s.FramesReceived) }, nil, nil},
	{"stomp.client.frames", "{frame}", "Frames of all commands.", sent, func(s *stomp.Stats) int64 { return int64(s.FramesSent) }, nil, nil},
	{"stomp.client.io", "By", "Bytes after the handshake, with WebSocket framing, without TLS.", received, func(s *stomp.Stats) int64 { return int64(s.BytesReceived) }, nil, nil},
	{"stomp.client.io", "By", "Bytes after the handshake, with WebSocket framing, without TLS.", sent, func(s *stomp.Stats) int64 { return int64(s.BytesSent) }, nil, nil},
	{"stomp.client.heart_beats", "{beat}", "Heart-beats.", received, func(s *stomp.Stats) int64 { return int64(s.HeartBeatsReceived) }, nil, nil},
	{"stomp.client.heart_beats", "{beat}", "Heart-beats.", sent, func(s *stomp.Stats) int64 { return int64(s.HeartBeatsSent) }, nil, nil},
	{"stomp.client.dropped.frames", "{frame}", "Frames that no consumer got, because of an overflow policy or the end of a subscription.", neither, func(s *stomp.Stats) int64 { return int64(s.Dropped) }, nil, nil},
	{"stomp.client.unmatched.frames", "{frame}", "MESSAGEs that no subscription claimed.", neither, func(s *stomp.Stats) int64 { return int64(s.Unmatched) }, nil, nil},
	{"stomp.client.repaired.frames", "{frame}", "Frames received with a wrong content-length.", neither, func(s *stomp.Stats) int64 { return int64(s.Repaired) }, nil, nil},
	{"stomp.client.stalls", "{stall}", "Times that a full queue stopped reading (OverflowBlock).", neither, func(s *stomp.Stats) int64 { return int64(s.Stalls) }, nil, nil},
	{"stomp.client.errors", "{error}", "ERRORs of the broker, after CONNECTED.", neither, func(s *stomp.Stats) int64 { return int64(s.Errors) }, nil, nil},
	{"stomp.client.stray.errors", "{error}", "ERRORs of the broker for a receipt or subscription no longer known.", neither, func(s *stomp.Stats) int64 { return int64(s.StrayErrors) }, nil, nil},
}

// What a Client has.
var clientStates = []observable[stomp.Stats]{
	{"stomp.client.receipts.pending", "{receipt}", "Receipts asked for by callers and not answered yet.", neither, func(s *stomp.Stats) int64 { return int64(s.ReceiptsPending) }, nil, nil},
	{"stomp.client.subscriptions", "{subscription}", "Open subscriptions.", neither, func(s *stomp.Stats) int64 { return int64(s.Subscriptions) }, nil, nil},
	{"stomp.client.reply_queues", "{queue}", "Reply queues of Request.", neither, func(s *stomp.Stats) int64 { return int64(s.ReplyQueues) }, nil, nil},
	{"stomp.client.queued.frames", "{frame}", "Frames waiting for consumers.", neither, func(s *stomp.Stats) int64 { return int64(s.Queued) }, nil, nil},
	{"stomp.client.queued.size", "By", "Memory that frames waiting for consumers take.", neither, func(s *stomp.Stats) int64 { return s.QueuedBytes }, nil, nil},
	{"stomp.client.unwritten.frames", "{frame}", "Frames accepted and not yet handed to the connection.", neither, func(s *stomp.Stats) int64 { return int64(s.Unwritten) }, nil, nil},
	{"stomp.client.unwritten.size", "By", "Bytes of frames accepted and not yet handed to the connection.", neither, func(s *stomp.Stats) int64 { return s.UnwrittenBytes }, nil, nil},
}

// What subscriptions count, by destination.
var subscriptionCounters = []observable[stomp.SubscriptionInfo]{
	{"stomp.subscription.received.messages", "{message}", "Messages that have arrived.", neither, func(s *stomp.SubscriptionInfo) int64 { return int64(s.Stats.Received) }, nil, nil},
	{"stomp.subscription.delivered.messages", "{message}", "Messages that consumers have taken.", neither, func(s *stomp.SubscriptionInfo) int64 { return int64(s.Stats.Delivered) }, nil, nil},
	{"stomp.subscription.dropped.messages", "{message}", "Messages that no consumer got, because of an overflow policy.", neither, func(s *stomp.SubscriptionInfo) int64 { return int64(s.Stats.Dropped) }, nil, nil},
	{"stomp.subscription.stalls", "{stall}", "Times that the full queue stopped reading (OverflowBlock).", neither, func(s *stomp.SubscriptionInfo) int64 { return int64(s.Stats.Stalls) }, nil, nil},
	{"stomp.subscription.restored", "{time}", "Times that the broker took a subscription again that it had refused or cancelled (WithResubscribe).", neither, func(s *stomp.SubscriptionInfo) int64 { return int64(s.Stats.Restored) }, nil, nil},
}

// What subscriptions have, by destination.
var subscriptionStates = []observable[stomp.SubscriptionInfo]{
	{"stomp.subscription.open", "{subscription}", "Open subscriptions.", neither, func(*stomp.SubscriptionInfo) int64 { return 1 }, nil, nil},
	{"stomp.subscription.waiting", "{subscription}", "Open subscriptions that stand on no session now.", neither, func(s *stomp.SubscriptionInfo) int64 {
		if s.Epoch == 0 {
			return 1
		}
		return 0
	}, nil, nil},
	{"stomp.subscription.queued.messages", "{message}", "Messages waiting for the consumer, in queue and channel.", neither, func(s *stomp.SubscriptionInfo) int64 { return int64(s.Stats.Queued) }, nil, nil},
	{"stomp.subscription.queued.size", "By", "Memory that messages waiting for the consumer take.", neither, func(s *stomp.SubscriptionInfo) int64 { return s.Stats.QueuedBytes }, nil, nil},
}

// register makes the instruments and registers collect. States are up-down counters: they may be added up over Clients
// and subscriptions.
func (l *ledger) register(m metric.Meter) error {
	var all []metric.Observable
	var errs []error
	counter := func(name, unit, description string) metric.Int64Observable {
		i, err := m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		all, errs = append(all, i), append(errs, err)
		return i
	}
	state := func(name, unit, description string) metric.Int64Observable {
		i, err := m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		all, errs = append(all, i), append(errs, err)
		return i
	}
	l.clientCounters = withInstruments(clientCounters, counter)
	l.clientStates = withInstruments(clientStates, state)
	l.subscriptionCounters = withInstruments(subscriptionCounters, counter)
	l.subscriptionStates = withInstruments(subscriptionStates, state)
	l.connected = state("stomp.client.connected", "{session}", "1 while there is a session, else 0.")
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := m.RegisterCallback(l.collect, all...) // as long as the provider lives
	return err
}

// withInstruments returns a copy of a table with an instrument for each name.
func withInstruments[T any](table []observable[T], make func(name, unit, description string) metric.Int64Observable) []observable[T] {
	made := append([]observable[T](nil), table...)
	for i := range made {
		row := &made[i]
		if i > 0 && row.name == made[i-1].name {
			row.instrument = made[i-1].instrument
		} else {
			row.instrument = make(row.name, row.unit, row.description)
		}
		if row.direction.Valid() {
			row.option = metric.WithAttributes(row.direction)
		} else {
			row.option = metric.WithAttributes()
		}
	}
	return made
}
