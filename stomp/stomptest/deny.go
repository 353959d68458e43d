package stomptest

// Refuse makes the broker refuse every SUBSCRIBE and SEND to a destination, as for want of permission, until Allow.
// Subscriptions that are there go on. What the client hears of it is the profile's affair:
//   - Generic sends an ERROR with the receipt-id, and closes the connection.
//   - RabbitMQ never has a receipt-id in an ERROR, and closes the connection. RabbitMQ4 has an ERROR to SUBSCRIBE, and
//     its RECEIPT behind it; over a WebSocket a SEND, and in 3.10 a SUBSCRIBE, has nothing but the close.
//   - Classic sends an ERROR with the receipt-id, OpenMQ one without, and the connection goes on.
//   - Artemis has a receipt-id in the ERROR to a SEND alone, and closes a connection of STOMP 1.2 behind either.
//   - Spring sends an ERROR without a receipt-id, and closes the connection.
func (b *Broker) Refuse(destination string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused[destination] = true
}

// Allow takes back Refuse.
func (b *Broker) Allow(destination string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.refused, destination)
}

// permitLocked returns the refusal of a SUBSCRIBE or SEND to a destination; nil: it is allowed. Broker.mu is held.
func (b *Broker) permitLocked(destination string, c class) *refusal {
	if !b.refused[destination] {
		return nil
	}
	return refuse(c, "access_refused", "access to '%s' refused", destination)
}
