package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// consumer writes the messages of a Group until something ends it.
type consumer struct {
	app      *app
	client   *stomp.Client
	group    *stomp.Group
	messages <-chan stomp.Frame   // the Group's
	failed   <-chan *stomp.Member // likewise
	endGroup func()               // at once: what waits is dropped
	out      *printer
	acks     bool
	asked    bool // by --ack, not by default
	limit    int  // 0: none
	open     int  // members that have not failed

	written   int           // messages, into the buffer at least
	unsettled int           // of these, since the last flush
	unacked   []stomp.Frame // written, and to be acknowledged when the buffer is flushed
	failure   error         // of the member that failed last
}

// flushAfter is how many messages are written at most before the buffer is flushed, they are acknowledged, and signals
// and the like have their turn.
const flushAfter = 256

// errLimit says that the last message is written.
var errLimit = errors.New("the count is reached")

// run writes messages until ctx ends, --count or --timeout is reached, the Client has ended, no member is left, or
// nobody reads.
func (c *consumer) run(ctx context.Context, timeout time.Duration) error {
	var over <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	closed, stopWatching := watchClosed(c.app.env.Stdout)
	defer stopWatching()
	err := c.consume(ctx, over, closed)
	if err != nil { // else the Group has ended by itself, or was drained
		// What is written is acknowledged; what is not, the broker keeps.
		c.endGroup()
		for range c.messages {
		}
		bounded, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		_ = c.client.Disconnect(bounded) // that it is cut instead changes nothing for the user
	}
	return c.outcome(ctx, err, timeout)
}

// outcome returns what the command returns: err is what ended consume.
func (c *consumer) outcome(ctx context.Context, err error, timeout time.Duration) error {
	refused := c.failure
	if refused != nil {
		refused = &quietError{refused} // told when it happened
	}
	switch {
	case errors.Is(err, errLimit), errors.Is(err, errOutputClosed):
		return refused
	case errors.Is(err, errTimeout) && c.limit == 0:
		return refused
	case errors.Is(err, errTimeout):
		return &timeoutError{fmt.Sprintf("%s within --timeout %v, and --count is %d", plural(int64(c.written), "message"), timeout, c.limit)}
	case err != nil:
		return err
	case ctx.Err() != nil && c.limit > 0:
		return context.Cause(ctx)
	case ctx.Err() != nil:
		return refused
	}
	if err := c.group.Err(); errors.Is(err, stomp.ErrSlowConsumer) {
		return fmt.Errorf("the messages came faster than they could be written: %w", err)
	}
	return cmp.Or(c.client.Err(), refused)
}

// errTimeout says that --timeout is over.
var errTimeout = errors.New("time is over")

// consume returns nil when the Group's channel is closed, else why it must be.
func (c *consumer) consume(ctx context.Context, over <-chan time.Time, closed <-chan struct{}) error {
	interrupted, failed := ctx.Done(), c.failed
	drained := make(chan struct{})
	defer func() {
		if interrupted == nil {
			<-drained
		}
	}()
	for {
		if c.unsettled > 0 && c.unsettled < flushAfter {
			runtime.Gosched() // whoever brings the next message, before each costs a system call
			select {
			case f, open := <-c.messages:
				if err := c.take(f, open); err != nil || !open {
					return err
				}
				continue
			default: // nothing waits
			}
		}
		if err := c.settle(); err != nil {
			return err
		}
		select {
		case f, open := <-c.messages:
			if err := c.take(f, open); err != nil || !open {
				return err
			}
		case m, open := <-failed:
			if !open {
				failed = nil
				break
			}
			c.app.tell("%s: %s", m.Destination(), inFlags(m.Err().Error()))
			if c.failure, c.open = m.Err(), c.open-1; c.open == 0 {
				return &quietError{c.failure}
			}
		case <-over:
			return errTimeout
		case <-closed:
			return errOutputClosed
		case <-interrupted:
			interrupted = nil
			go func() { // joined by the deferred receive from drained
				defer close(drained)
				bounded, cancel := context.WithTimeout(context.Background(), grace)
				defer cancel()
				_ = c.client.Drain(bounded) // cut if it takes longer
			}()
		}
	}
}

// take writes a message. open is whether there was one.
func (c *consumer) take(f stomp.Frame, open bool) error {
	if !open {
		return c.settle()
	}
	if err := c.out.print(f); err != nil {
		return err
	}
	c.written++
	c.unsettled++
	if c.acks {
		c.unacked = append(c.unacked, f)
	}
	if c.written != c.limit {
		return nil
	}
	if err := c.settle(); err != nil {
		return err
	}
	return errLimit
}

// settle flushes what is written, and then acknowledges it.
func (c *consumer) settle() error {
	c.unsettled = 0
	if err := c.out.flush(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for _, f := range c.unacked {
		err := f.Ack(bounded)
		switch {
		case err == nil, errors.Is(err, stomp.ErrStale), errors.Is(err, stomp.ErrClosed):
			// Of an earlier session the broker sends it again; and what goes out after the end of the Client, too.
		case errors.Is(err, stomp.ErrNotAckable) && !c.asked:
			// Spring's simple broker wants no acknowledgements, and keeps nothing.
		default:
			c.app.tell("%s", inFlags(err.Error()))
		}
	}
	clear(c.unacked)
	c.unacked = c.unacked[:0]
	return nil
}
