package peer

import (
	"fmt"
	"strings"
)

// cycle is what a flood writes over and over, as it goes on the wire: messages
// made beforehand.
type cycle struct {
	size int // of a body, in bytes
	wire []byte
	ends []int // where each message ends in wire
}

// cycleSize is how many bytes a cycle has, at least: enough that system calls
// cost little, and so few that they stay in the processor's cache.
const cycleSize = 256 << 10

// newCycle takes the subscriptions and the numbers of bodies in turns, and ends
// where both begin anew.
func newCycle(f framing, subscriptions []string, size int) *cycle {
	c := &cycle{size: size}
	var message []byte
	for i := 0; i == 0 || i%len(subscriptions) != 0 || i%Bodies(size) != 0 || len(c.wire) < cycleSize; i++ {
		message = AppendMessage(message[:0], subscriptions[i%len(subscriptions)], Body(i, size))
		c.wire = f.put(c.wire, message)
		c.ends = append(c.ends, len(c.wire))
	}
	return c
}

// Smallest is how many bytes a body of a flood has at least, for its number.
const Smallest = 4

// Bodies is after how many messages the bodies of a flood repeat themselves: 100,
// or fewer where they are long.
func Bodies(size int) int { return max(1, min(100, cycleSize/size)) }

// Body is that of the message i of a flood, from 0: its number, filled up to size
// bytes.
func Body(i, size int) []byte {
	number := fmt.Sprintf("%0*d", Smallest, i%Bodies(size))
	return []byte(number + strings.Repeat("x", size-Smallest))
}
