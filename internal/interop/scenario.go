package interop

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// Scenario is one row of the table: what is run on every endpoint.
type Scenario struct {
	Name string
	// Timeout bounds one run; 0 is defaultTimeout.
	Timeout time.Duration
	// Exclusive scenarios stop the server, so they run when all others are done.
	Exclusive bool
	// Parallel scenarios mostly idle, so they run beside all others.
	Parallel bool

	run func(ctx context.Context, s *scene) error
}

// Scenarios are the rows, in the table's order.
var Scenarios = []Scenario{
	{Name: "STOMP 1.0", run: speaks(stomp.V10)},
	{Name: "STOMP 1.1", run: speaks(stomp.V11)},
	{Name: "STOMP 1.2", run: speaks(stomp.V12)},
	{Name: "text and UTF-8 bodies", run: textBodies},
	{Name: "bodies that are not UTF-8", run: binaryBody},
	{Name: "empty body", run: emptyBody},
	{Name: "NUL in a body", run: nulBody},
	{Name: "1 MiB body", run: largeBody},
	{Name: "header escapes", run: headerEscapes},
	{Name: "10,000 messages, in order", run: manyMessages},
	{Name: "a fast publisher keeps its session", run: fastPublisher, Timeout: 3 * time.Minute},
	{Name: promisedBeatsName, run: promisingPublisher, Timeout: 3 * time.Minute},
	{Name: "topic: to every subscriber", run: topicFanOut},
	{Name: queueSharedName, run: queueShared},
	{Name: "ack client, cumulative", run: ackCumulative},
	{Name: "ack client-individual", run: ackIndividual},
	{Name: "nack", run: nack},
	{Name: "redelivery after a cut", run: redeliveryAfterCut},
	{Name: "prefetch", run: prefetch},
	{Name: "transaction: commit, abort", run: transactionOfSends},
	{Name: "transaction with acks", run: transactionOfAcks},
	{Name: receiptsName, run: receipts},
	{Name: "request and reply", run: requestReply},
	{Name: durableName, run: durableSubscription},
	{Name: "selector", run: selector},
	{Name: "heart-beats, a minute idle", run: heartBeats, Parallel: true, Timeout: 2 * time.Minute},
	{Name: "wrong login", run: wrongLogin},
	{Name: "wrong virtual host", run: wrongVirtualHost},
	{Name: "refused destination", run: refusedDestination},
	{Name: "queue deleted under a subscription", run: queueDeleted},
	{Name: "DISCONNECT loses nothing", run: disconnect},
	{Name: "permessage-deflate", run: compression},
	{Name: "a frame above the server's limit", run: tooBig},
	{Name: "server restarted under load", run: restarted, Exclusive: true, Timeout: 3 * time.Minute},
}

// The rows that are named in more than one place. receiptsName also tells whether
// a server sends receipts at all, durableName whether it stores messages.
const (
	receiptsName      = "receipts, 1,000 outstanding"
	durableName       = "durable subscription"
	queueSharedName   = "queue: each message to one subscriber"
	promisedBeatsName = "a fast publisher that promised heart-beats keeps it"
)

// defaultTimeout bounds a scenario that has no Timeout.
const defaultTimeout = time.Minute

// scene is one run of one scenario on one endpoint.
type scene struct {
	*Endpoint
	unique string // what the names of its destinations have in common
	named  int    // destinations so far

	watching sync.WaitGroup // the goroutines of connectTo; they end with the scenario's ctx
	mu       sync.Mutex
	losses   []string // why sessions ended; guarded by mu
}

// queue and topic return a destination that no other scenario uses.
func (s *scene) queue() string { return "/queue/" + s.fresh() }
func (s *scene) topic() string { return "/topic/" + s.fresh() }

// newName returns a random prefix for the names of one scenario.
func newName() string { return "t" + strings.ToLower(rand.Text()[:10]) }

func (s *scene) fresh() string {
	s.named++
	return s.unique + "-" + strconv.Itoa(s.named)
}

// offers reports whether the server offers what scenario tests; see offers.go.
func (s *scene) offers(scenario string) bool { return s.notOffered(scenario) == "" }

// connect returns a client of this endpoint, which the caller closes.
func (s *scene) connect(ctx context.Context, opts ...stomp.ConnectOption) (*stomp.Client, error) {
	return s.connectTo(ctx, s.URL, opts...)
}

// connectTo is connect with another URL. Why sessions end is kept in s.losses.
func (s *scene) connectTo(ctx context.Context, url string, opts ...stomp.ConnectOption) (*stomp.Client, error) {
	all := []stomp.ConnectOption{stomp.WithLogin("guest", "guest"), stomp.WithReconnect(stomp.Backoff{Max: 500 * time.Millisecond})}
	c, err := stomp.Connect(ctx, url, append(append(all, s.Options...), opts...)...)
	if err != nil {
		return nil, err
	}
	s.watching.Go(func() {
		for st := range c.Watch(ctx) {
			if st.State == stomp.StateReconnecting {
				s.mu.Lock()
				s.losses = append(s.losses, st.Err.Error())
				s.mu.Unlock()
			}
		}
	})
	return c, nil
}

// listen connects and subscribes. It returns when the server has the subscription.
func (s *scene) listen(ctx context.Context, destination string, opts ...stomp.SubscribeOption) (*stomp.Client, *stomp.Subscription[stomp.Frame], error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	sub, err := s.subscribe(ctx, c, destination, opts...)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, sub, nil
}

// subscribe returns when the server has the subscription: when its RECEIPT has
// come or, on a server that sends none, a message of our own.
func (s *scene) subscribe(ctx context.Context, c *stomp.Client, destination string, opts ...stomp.SubscribeOption) (*stomp.Subscription[stomp.Frame], error) {
	if s.offers(receiptsName) {
		return c.NewSubscription(ctx, destination, append(opts, stomp.WithReceipt())...)
	}
	sub, err := c.NewSubscription(ctx, destination, opts...)
	if err != nil {
		return nil, err
	}
	return sub, probe(ctx, c, sub)
}

// probeHeader marks the messages of probe, which next skips.
const probeHeader = "x-probe"

// probe sends until a message arrives: a server without receipts does not handle
// SUBSCRIBE and SEND in order either.
func probe(ctx context.Context, c *stomp.Client, sub *stomp.Subscription[stomp.Frame]) error {
	return arrives(ctx, c, sub, stomp.WithHeader(probeHeader, "yes"))
}

// arrives sends an empty message every 50 ms until the subscription gets one.
func arrives(ctx context.Context, c *stomp.Client, sub *stomp.Subscription[stomp.Frame], opts ...stomp.SendOption) error {
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		if err := c.Send(ctx, sub.Destination(), nil, opts...); err != nil {
			return err
		}
		select {
		case _, open := <-sub.C:
			if !open {
				return ended(sub)
			}
			return nil
		case <-every.C:
		case <-ctx.Done():
			return fmt.Errorf("no message to %s arrives; %v: %w", sub.Destination(), c.Status().Err, ctx.Err())
		}
	}
}

// next receives one frame, within ctx.
func next(ctx context.Context, sub *stomp.Subscription[stomp.Frame]) (stomp.Frame, error) {
	for {
		select {
		case f, open := <-sub.C:
			if !open {
				return f, ended(sub)
			}
			if _, probe := f.Header.Lookup(probeHeader); !probe {
				return f, nil
			}
		case <-ctx.Done():
			return stomp.Frame{}, fmt.Errorf("waiting for a message of %s: %w", sub.Destination(), ctx.Err())
		}
	}
}

// bodies receives n frames and returns their bodies and the frames.
func bodies(ctx context.Context, sub *stomp.Subscription[stomp.Frame], n int) ([]string, []stomp.Frame, error) {
	texts, frames := make([]string, 0, n), make([]stomp.Frame, 0, n)
	for range n {
		f, err := next(ctx, sub)
		if err != nil {
			return texts, frames, fmt.Errorf("after %d of %d messages %.80q: %w", len(texts), n, texts, err)
		}
		texts, frames = append(texts, string(f.Body)), append(frames, f)
	}
	return texts, frames, nil
}

func ended(sub *stomp.Subscription[stomp.Frame]) error {
	return fmt.Errorf("the subscription to %s has ended: %w", sub.Destination(), sub.Err())
}

// sendAll sends one message per text, each with a receipt if the server sends any.
func (s *scene) sendAll(ctx context.Context, c *stomp.Client, destination string, texts []string, opts ...stomp.SendOption) error {
	if s.offers(receiptsName) {
		opts = append(opts, stomp.WithReceipt())
	}
	for _, text := range texts {
		if err := c.Send(ctx, destination, []byte(text), opts...); err != nil {
			return err
		}
	}
	return nil
}
