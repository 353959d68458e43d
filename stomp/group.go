package stomp

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/webstomp/webstomp/internal/inbox"
)

// Group is many subscriptions on one channel, with one bounded queue for all of them and no goroutine each. They are
// its Members: added and removed while it runs, and restored in the order of Add. Frames come in the order of their
// arrival over all members; [Frame.SubscriptionID] tells whose one is, and an acknowledgement goes to that member
// alone, with [AckClient] as well. An empty Group stays open. Its methods may be called from any goroutine.
type Group struct {
	// C is closed for the reasons for which a subscription's channel is: the Group was ended by its user, the Client
	// has ended, or the Group has failed ([ErrSlowConsumer]). It has no buffer. A member that fails alone leaves it
	// open.
	C <-chan Frame

	client  *Client
	inbox   *inbox.Inbox[Frame]
	failed  *inbox.Inbox[*Member]
	unwatch func() // stops watching the ctx it was made with; set by NewGroup

	mu       sync.Mutex // guards what follows; a leaf: nothing is locked below it
	members  map[*Member]bool
	ended    bool
	err      error  // why; nil: by its user
	restored uint64 // of members that have ended
}

// NewGroup makes a Group without members. It sends nothing and waits for nothing. ctx is the lifetime of the Group,
// so it should have no timeout: when it ends, so do the members, at once, and C is closed. [WithBuffer] bounds its
// queue; without, Connect's holds. The errors are ctx's own and [ErrClosed].
func (c *Client) NewGroup(ctx context.Context, opts ...GroupOption) (*Group, error) {
	op := opError{op: "make a group", unsent: true}
	bound, err := c.groupBound(opts)
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	if err != nil {
		op.err = err
		return nil, &op
	}
	g := &Group{
		client:  c,
		inbox:   inbox.NewShared(frameOwner{&c.env}, bound),
		failed:  inbox.New(memberOwner{&c.env}, inbox.Bound{Count: math.MaxInt, Bytes: math.MaxInt64, Policy: inbox.Block}),
		members: make(map[*Member]bool),
	}
	g.C = g.inbox.C()
	if err := c.registerGroup(g); err != nil {
		op.err = err
		return nil, &op
	}
	unwatch := c.whenDone(ctx, func() {
		if !g.isEnding() {
			c.logDeadline(ctx, "a Group", "members", len(g.all()))
		}
		g.end(nil)
	})
	g.mu.Lock()
	g.unwatch = unwatch
	ended := g.ended
	g.mu.Unlock()
	if ended {
		unwatch()
	}
	return g, nil
}

func (c *Client) groupBound(opts []GroupOption) (inbox.Bound, error) {
	var cfg groupConfig
	for _, o := range opts {
		if o == nil {
			return inbox.Bound{}, errNilOption
		}
		o.applyGroup(&cfg)
	}
	if cfg.buffer == nil {
		return c.cfg.bound, nil
	}
	return cfg.buffer.bound(), cfg.buffer.check()
}

// registerGroup adds a Group to the Client, whose end is the Group's.
func (c *Client) registerGroup(g *Group) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.endingLocked(); err != nil {
		return err
	}
	if c.draining {
		return errDraining
	}
	if c.groups == nil {
		c.groups = make(map[*Group]bool)
	}
	c.groups[g] = true
	return nil
}

// Add subscribes to a destination, as [Client.NewSubscription] does, but ctx bounds this call alone: the member lives
// as long as the Group unless it is unsubscribed. It does not wait for the broker, unless [WithReceipt] is given: a
// member that is refused later comes on Failed. A destination may be added more than once; each message then comes
// once per member. [WithBuffer] is an error: the Group's queue is for all. The errors are those of Subscribe, and
// [ErrGroupEnded].
func (g *Group) Add(ctx context.Context, destination string, opts ...SubscribeOption) (*Member, error) {
	sub, err := g.client.subscribe(ctx, destination, opts, target{group: g})
	if err != nil {
		return nil, err
	}
	sub.member.wasAdded()
	return sub.member, nil
}

// join makes a subscription a member. It is called with the Client's lock held, as the subscription is registered
// there.
func (g *Group) join(sub *subscription) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return ErrGroupEnded
	}
	g.members[sub.member] = true
	return nil
}

// Failed returns a channel of the members that have failed alone, each once its last frame was taken from C: the
// broker has refused or cancelled it, or it has ended with its session ([WithoutResubscribe]). [Member.Err] tells
// why. They are kept until they are read, but when the Client has ended no more than 8 of them. It is closed after C,
// and a select may see that first: look whether a receive has a Member. On RabbitMQ a refusal ends the session for all
// members, once or twice, before it is known which one it was about.
func (g *Group) Failed() <-chan *Member { return g.failed.C() }

// Err returns why the Group ended: nil while it is open, and if its user ended it or the Client. Where the Client has
// failed by itself it is that failure. It is set before C is closed.
func (g *Group) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Stats returns a snapshot of the counters of all members together, also of those that have ended.
func (g *Group) Stats() SubscriptionStats {
	stats := statsOf(g.inbox.Stats())
	g.mu.Lock()
	stats.Restored = g.restored
	g.mu.Unlock()
	for _, m := range g.all() {
		stats.Restored += m.sub.stats().Restored
	}
	return stats
}

// Unsubscribe ends the Group gently, within ctx: all its members at the same time, each as [Subscription.Unsubscribe]
// does, and then C is closed. From the call on, Add is [ErrGroupEnded]. C has to be read meanwhile. If ctx ends
// meanwhile, what still waits is dropped and counted. The error is the first of a member's. With a ctx that has ended
// before, or a header that cannot be encoded, nothing happens: the error is one for which [Unsent] is true, and the
// Group goes on.
func (g *Group) Unsubscribe(ctx context.Context, opts ...FrameOption) error {
	members := g.all()
	cfg, err := newFrameConfig(opts)
	for _, m := range members {
		if err == nil {
			err = m.sub.checkUnsubscribe(&cfg)
		}
	}
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	if err != nil {
		return &opError{op: "unsubscribe", target: "a group", err: err, unsent: true}
	}
	var first error
	var once sync.Once
	var all sync.WaitGroup // joined below
	for _, m := range g.beginEnd(nil) {
		all.Go(func() {
			if err := m.Unsubscribe(ctx, opts...); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	all.Wait()
	g.close()
	return first
}

// all returns the members.
func (g *Group) all() (members []*Member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for m := range g.members {
		members = append(members, m)
	}
	return members
}

// endGroups refuses new members of all Groups, as the Client is about to end their members, and returns the Groups.
func (c *Client) endGroups(wanted bool, err error) (groups []*Group) {
	c.mu.Lock()
	for g := range c.groups {
		groups = append(groups, g)
	}
	c.mu.Unlock()
	if wanted {
		err = nil
	}
	for _, g := range groups {
		g.beginEnd(err)
	}
	return groups
}

// beginEnd refuses new members from now on, and returns those that there are. err is why the Group ends, and the
// first one counts.
func (g *Group) beginEnd(err error) []*Member {
	g.mu.Lock()
	if !g.ended {
		g.ended, g.err = true, err
	}
	g.mu.Unlock()
	return g.all()
}

// isEnding reports whether the Group has ended or is about to.
func (g *Group) isEnding() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

// end ends the Group at once. What waits is dropped and counted.
func (g *Group) end(err error) {
	for _, m := range g.beginEnd(err) {
		m.sub.end(err, true)
	}
	g.close()
}

// close closes the channels of a Group whose members have ended, or are leaving: then C when their frames are taken,
// or given up.
func (g *Group) close() {
	g.mu.Lock()
	unwatch := g.unwatch
	g.unwatch = nil
	g.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	g.inbox.Drain()
	see := func() {
		<-g.inbox.Closed()
		g.failed.Drain()
		select {
		case <-g.failed.Closed(): // nothing waits behind the channel
		case <-g.client.life.Done():
			g.failed.End()
		}
		g.client.mu.Lock()
		delete(g.client.groups, g)
		g.client.mu.Unlock()
	}
	if !g.client.goJoined(see) {
		see() // the Client has ended, and with it the members
	}
}

// forget takes a member out that has ended, and tells of it if it has failed alone.
func (g *Group) forget(m *Member) {
	err, restored := m.sub.failure(), m.sub.stats().Restored
	g.mu.Lock()
	m.alone = !g.ended && err != nil
	tell := m.alone && m.added
	delete(g.members, m)
	g.restored += restored
	g.mu.Unlock()
	if tell {
		g.failed.Put(m)
	}
}

// Member is one subscription of a [Group]. Its methods may be called from any goroutine.
type Member struct {
	sub   *subscription
	group *Group
	until atomic.Int32  // what is still to come before done is closed: the end of sub, and that of its share of the queue
	done  chan struct{} // closed by came

	added, alone bool // Add has returned it; it has failed alone. Guarded by the Group's mu
}

// newMember makes sub a member of g, but for join.
func newMember(g *Group, sub *subscription) *Member {
	m := &Member{sub: sub, group: g, done: make(chan struct{})}
	m.until.Store(2)
	return m
}

// wasAdded notes that Add has succeeded. Until then, nobody is told of a failure but by Add.
func (m *Member) wasAdded() {
	m.group.mu.Lock()
	m.added = true
	tell := m.alone
	m.group.mu.Unlock()
	if tell {
		m.group.failed.Put(m)
	}
}

// came notes one of the two things that until counts.
func (m *Member) came() {
	if m.until.Add(-1) == 0 {
		close(m.done)
		m.group.forget(m)
	}
}

// ID returns the member's subscription id, set by WithID or made by the Client.
func (m *Member) ID() string { return m.sub.id }

// Destination returns the destination that was subscribed to.
func (m *Member) Destination() string { return m.sub.destination }

// Done returns a channel that is closed when the member has ended, Err is set, and nothing more of it comes from the
// Group's channel.
func (m *Member) Done() <-chan struct{} { return m.done }

// Err returns why the member ended: nil while it is open, and where its user has ended it or the Group.
func (m *Member) Err() error { return m.sub.failure() }

// Confirmed is [Subscription.Confirmed].
func (m *Member) Confirmed(ctx context.Context) error { return m.sub.confirmed(ctx) }

// Unsubscribe ends the member gently, within ctx, as [Subscription.Unsubscribe] does, and leaves the Group's channel
// open: in auto mode what had arrived of the member is delivered; in the client modes what waits is taken out of the
// queue, and what was handed out is awaited.
func (m *Member) Unsubscribe(ctx context.Context, opts ...FrameOption) error {
	return m.sub.unsubscribe(ctx, opts)
}

// Stats returns a snapshot of the member's counters. Stalls is 0: see [Group.Stats].
func (m *Member) Stats() SubscriptionStats { return m.sub.stats() }

// memberOwner is the owner of the queue behind Group.Failed.
type memberOwner struct{ env *env }

func (memberOwner) Size(*Member) int64 { return 0 }
func (memberOwner) Key(*Member) string { return "" }
func (memberOwner) Dropped(*Member)    {}
func (o memberOwner) Go(f func())      { o.env.running.Go(f) }

var errGroupBuffer = errors.New("WithBuffer: the queue is the Group's; give it to NewGroup")
