package stomptest

// Names counts the destinations that the broker knows.
func Names(b *Broker) (queues, topics int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queues), len(b.topics)
}
