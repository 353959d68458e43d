package model_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// account is what the broker saw and sent. It is guarded by world.mu.
type account struct {
	conns     map[uint64]*connection
	newest    *connection          // of those that got CONNECTED
	delivered map[string]*delivery // by message-id
	confirmed map[string]bool      // ids of subscriptions whose SUBSCRIBE got its RECEIPT
	committed map[string]bool      // transactions by id: true after COMMIT, false after ABORT
	epochs    map[uint64]uint64    // the connection of each epoch
	words     int                  // ERRORs sent, and closes that may mean one
	refusing  bool                 // CONNECT is answered with ERROR
	gentle    bool                 // Drain or Disconnect has returned nil
	quiet     bool                 // nobody had anything left to do, and the Client was connected

	requests  *stomp.Subscription[stomp.Frame] // of whoever answers requests
	renewed   bool                             // Reconnect was called
	renewedAt time.Time                        // when that has returned last
	ailing    bool                             // ailingTopic is refused
	ails      int                              // how often that was so
	ailedFor  time.Duration                    // and for how long in all
	slowed    bool                             // it was slow for a while
	deletes   bool                             // it has deleted queues
	silent    bool                             // the broker as a whole
	heard     time.Time                        // since when, or since when not
}

func (a *account) init() {
	a.conns = make(map[uint64]*connection)
	a.delivered = make(map[string]*delivery)
	a.confirmed = make(map[string]bool)
	a.committed = make(map[string]bool)
	a.epochs = make(map[uint64]uint64)
}

// connection is one connection as the broker sees it.
type connection struct {
	number       uint64
	dice         [2]*rand.Rand // of the faults of each direction
	opened       time.Time     // CONNECT came
	connected    time.Time     // CONNECTED went out; zero: it did not
	frames       int           // that came
	subs         map[string]*subscribed
	last         map[string]*subscribed // the latest of each id, also when it has ended
	open         map[string][]*delivery // transactions under way, and what is acknowledged in each
	byAck        map[string]*delivery
	asked        map[string]string      // receipts asked for by SUBSCRIBE: the subscription's id
	commands     map[string]string      // of all receipts asked for
	sends        int                    // that came
	restored     time.Time              // when the subscription was made whose SUBSCRIBE came last
	out          int                    // MESSAGEs sent
	cancelled    map[string][]time.Time // when each subscription was cancelled
	disconnected bool                   // DISCONNECT came
	lost         bool                   // a fault ended it, or may do so
	lostAt       time.Time              // when that was noted first
	excused      bool                   // the broker has forgotten what it sent
	asks         bool                   // it is none of the Client's sessions: it asks for a subscription
	ailed        bool                   // it ended when ailingTopic was refused
}

// lose notes that a fault ends it.
func (c *connection) lose() {
	if !c.lost {
		c.lost, c.lostAt = true, time.Now()
	}
}

// subscribed is one subscription as the broker sees it.
type subscribed struct {
	id, destination, mode string
	deliveries            []*delivery
	ended                 bool // by UNSUBSCRIBE, or as below
	left                  bool // by UNSUBSCRIBE
	taken                 bool // by the broker, which has said so or is about to
}

// delivery is one MESSAGE.
type delivery struct {
	conn    *connection
	sub     *subscribed // nil: of no SUBSCRIBE
	id      string      // of the subscription
	number  int         // on its connection
	at      time.Time
	body    string
	whole   bool // it was sent to its end, if its connection stood
	settled bool // it was acknowledged
	got     int  // how often the Client handed it out
}

// sight is one arrival of a SEND at the broker.
type sight struct {
	conn   *connection
	frame  int // which one on its connection
	at     time.Time
	tx     string
	effect bool // it was not refused, and not lost on its last step
}

func (w *world) connectionLocked(number uint64) *connection {
	c := w.conns[number]
	if c == nil {
		c = &connection{
			number: number, subs: make(map[string]*subscribed), last: make(map[string]*subscribed),
			open: make(map[string][]*delivery), byAck: make(map[string]*delivery), asked: make(map[string]string),
			commands: make(map[string]string), cancelled: make(map[string][]time.Time),
			dice: [2]*rand.Rand{rand.New(rand.NewPCG(w.seed, 1000+2*number)), rand.New(rand.NewPCG(w.seed, 1001+2*number))},
		}
		w.conns[number] = c
	}
	return c
}

// intercept is asked about every frame, as it comes and before it goes out.
func (w *world) intercept(e stomptest.Event) stomptest.Action {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.connectionLocked(e.Connection)
	act, name := w.faultLocked(c, e)
	if e.Direction == stomptest.In {
		w.noteLocked("  conn %d → %s %s", c.number, show(e.Frame), name)
		w.cameLocked(c, e.Frame, name)
	} else {
		w.noteLocked("  conn %d ← %s %s", c.number, show(e.Frame), name)
		w.goesLocked(c, e.Frame, name)
	}
	return act
}

// show is a frame in one line.
func show(f stomptest.Frame) string {
	parts := []string{f.Command}
	for _, name := range []string{"destination", "id", "subscription", "message-id", "ack", "transaction", "receipt", "receipt-id", "message"} {
		if v, ok := f.Lookup(name); ok {
			parts = append(parts, name+":"+v)
		}
	}
	if len(f.Body) > 0 {
		parts = append(parts, bodyID(f.Body))
	}
	return strings.Join(parts, " ")
}

// bodyID is what tells one body from all others: what follows it is padding.
func bodyID(body []byte) string {
	id, _, _ := strings.Cut(string(body), ":")
	return id
}

// The poison: what the broker always refuses, without saying what it refuses.
const (
	poisonTopic = "/topic/poison"
	poisonQueue = "/queue/poison"
	poisonWords = "that is poison"
	// appTopic is kept by a relay: its SUBSCRIBE is never answered, and the broker behind does not know it.
	appTopic    = "/topic/app"
	ailingTopic = "/topic/ailing" // is refused for a while, as when its home node is down
)

// faultLocked decides what becomes of a frame. name is "" when nothing does.
func (w *world) faultLocked(c *connection, e stomptest.Event) (act stomptest.Action, name string) {
	command, in := e.Frame.Command, e.Direction == stomptest.In
	receipt, asks := e.Frame.Lookup("receipt")
	if asked := c.commands[e.Frame.Get("receipt-id")]; command == "RECEIPT" &&
		(w.plan.muteSubscribe && asked == "SUBSCRIBE" || w.plan.muteUnsubscribe && asked == "UNSUBSCRIBE") {
		return stomptest.Drop(), "left out"
	}
	destination := e.Frame.Get("destination")
	if in && command == "SUBSCRIBE" && destination == appTopic {
		return stomptest.Drop(), "kept"
	}
	if in && w.plan.poison && (command == "SUBSCRIBE" && (destination == poisonTopic || destination == ailingTopic && w.ailing) ||
		command == "SEND" && destination == poisonQueue) {
		w.words++
		c.ailed = c.ailed || destination == ailingTopic && !c.lost
		c.lose()
		return stomptest.ReplyError(poisonWords, nil, nil, true), "poison"
	}
	if closed(w.mended) || command == "DISCONNECT" {
		return stomptest.Pass(), ""
	}
	if in && command == "CONNECT" && w.refusing {
		w.words++
		return stomptest.ReplyError("Access refused for user 'u'", nil, nil, true), "refused"
	}
	dice := c.dice[e.Direction]
	if w.plan.odds == 0 || !chance(dice, w.plan.odds) {
		return stomptest.Pass(), ""
	}
	switch n := dice.IntN(14); {
	case n == 0:
		c.lose()
		return stomptest.CutBefore(), "cut before"
	case n == 1:
		c.lose()
		return stomptest.CutInside(dice.IntN(40)), "cut inside"
	case n <= 3:
		c.lose()
		return stomptest.CutAfter(), "cut after"
	case n == 4:
		c.lose()
		w.words++
		code := []int{1000, 1001, 1002, 1009, 1011, 1012}[dice.IntN(6)]
		return stomptest.CloseWith(code, "by dice"), "close"
	case n == 5:
		c.lose()
		return stomptest.FallSilent(), "silence"
	case n <= 8:
		return stomptest.DelayFor(tick(dice, 4*time.Second)), "delay"
	case in && (command == "SEND" || command == "SUBSCRIBE"):
		w.words++
		switch {
		case n <= 10 && asks:
			return stomptest.ReplyError("refused by dice", [][2]string{{"receipt-id", receipt}}, nil, false), "refused"
		case n == 11:
			c.lose()
			return stomptest.ReplyError("no reason", nil, nil, chance(dice, 2)), "ERROR"
		}
	case command == "RECEIPT" && c.commands[e.Frame.Get("receipt-id")] != "SUBSCRIBE": // that would say that there is none
		return stomptest.Drop(), "dropped"
	}
	return stomptest.Pass(), ""
}

// cameLocked checks a frame of the Client's: whether it may come here and now.
func (w *world) cameLocked(c *connection, f stomptest.Frame, fault string) {
	c.frames++
	effect := fault == "" || fault == "delay" || fault == "cut after" || fault == "silence"
	if c.disconnected {
		w.failLocked("%s comes after DISCONNECT on connection %d", show(f), c.number)
	}
	if r, ok := f.Lookup("receipt"); ok {
		c.commands[r] = f.Command
	}
	id := f.Get("id")
	tx, inTx := f.Lookup("transaction")
	if inTx && f.Command != "BEGIN" && c.open[tx] == nil {
		w.failLocked("%s: transaction %s is not open on connection %d", show(f), tx, c.number)
	}
	switch f.Command {
	case "CONNECT":
		c.opened = time.Now()
		c.asks = f.Get("heart-beat") == "0,0" // which is proposed for no session here
		if login, ok := f.Lookup("login"); ok {
			w.usedLocked(&w.logins, show(f), login)
		}
	case "SEND":
		if c.sends++; c.sends == 1 {
			w.restoredLocked(c)
		}
		if s := w.byBody[bodyID(f.Body)]; s != nil {
			s.seen = append(s.seen, sight{c, c.frames, time.Now(), tx, effect})
			if len(f.Body) != s.size {
				w.failLocked("%s has %d bytes, %d were sent", show(f), len(f.Body), s.size)
			}
		} else {
			w.failLocked("nobody has sent %s", show(f))
		}
	case "SUBSCRIBE":
		w.subscribeCameLocked(c, f, effect, fault == "refused")
	case "UNSUBSCRIBE":
		sub := c.last[id]
		switch {
		case sub != nil && sub.destination == appTopic && !strings.HasPrefix(id, "mine-"): // those may be sent
			w.failLocked("%s: the broker does not know that subscription, and ends connection %d", show(f), c.number)
		case sub == nil, sub.ended && !sub.taken:
			w.failLocked("%s: there is no such subscription on connection %d", show(f), c.number)
		case sub.ended: // it crosses the ERROR that says so
		}
		if sub != nil {
			sub.ended, sub.left = true, true
		}
		delete(c.subs, id)
	case "ACK", "NACK":
		w.ackCameLocked(c, f, tx)
	case "BEGIN":
		if c.open[tx] != nil {
			w.failLocked("%s: it is open already", show(f))
		}
		c.open[tx] = []*delivery{}
	case "COMMIT", "ABORT":
		w.committed[tx] = f.Command == "COMMIT" && effect
		if f.Command == "ABORT" && w.plan.profile != stomptest.Artemis { // where acks count at once
			for _, d := range c.open[tx] {
				d.settled = false
			}
		}
		delete(c.open, tx)
	case "DISCONNECT":
		c.disconnected = true
	}
}

func (w *world) subscribeCameLocked(c *connection, f stomptest.Frame, effect, refused bool) {
	id := f.Get("id")
	if c.subs[id] != nil {
		w.failLocked("%s: there is such a subscription on connection %d already", show(f), c.number)
	}
	// Whoever was ended before this connection began is not restored on it.
	if n, err := strconv.Atoi(f.Get("number")); err == nil && n < len(w.subs) {
		s := w.subs[n]
		if c.asks {
			s.askedFirst = effect
		} else {
			if all := c.cancelled[id]; len(all) > 0 && !s.reused && !s.askedFirst && time.Since(all[len(all)-1]) < time.Minute {
				w.failLocked("%s: it was cancelled on connection %d, which would end over it", show(f), c.number)
			}
			s.sent++
			s.askedFirst = false
		}
		s.asked = true
		if refused {
			w.subs[n].refusedOn, w.subs[n].refusedAt = c, time.Now()
		}
		if asks := w.subs[n].asks; asks != nil {
			w.usedLocked(asks, show(f), f.Get("asked"))
		}
	}
	known, wanted := 0, false
	for _, s := range w.subs {
		if s.id == id {
			known++
			wanted = wanted || s.leftAt.IsZero() || !s.leftAt.Before(c.opened)
			if !w.isSuspiciousLocked(c) && !s.reused && s.asks == nil && !s.made.IsZero() && s.made.Before(c.opened) {
				if s.began.Before(c.restored) {
					w.failLocked("%s is restored after one that was made later, on connection %d", show(f), c.number)
				}
				c.restored = s.began
			}
		}
	}
	if known > 0 && !wanted {
		w.failLocked("%s on connection %d: that subscription was ended before", show(f), c.number)
	}
	sub := &subscribed{id: id, destination: f.Get("destination"), mode: f.Get("ack")}
	for _, other := range c.subs {
		if isReplyQueue(sub.destination) && other.destination == sub.destination {
			w.failLocked("%s: that reply queue has a subscription on connection %d already", show(f), c.number)
		}
	}
	c.last[id] = sub
	if !effect {
		sub.ended, sub.taken = true, true
		return
	}
	c.subs[id] = sub
	if r, ok := f.Lookup("receipt"); ok {
		c.asked[r] = id
	} else {
		w.failLocked("%s asks for no receipt", show(f))
	}
}

// isSuspiciousLocked reports whether the Client may hold something back on a connection: the broker has said
// something, or sessions have ended without a word, twice.
func (w *world) isSuspiciousLocked(c *connection) bool { return w.words > 0 || c.number > 2 }

// restoredLocked is called as the first SEND comes on a connection: every SUBSCRIBE comes before it, unless something
// is under suspicion (promise 3).
func (w *world) restoredLocked(c *connection) {
	if w.isSuspiciousLocked(c) || !w.endBegan.IsZero() {
		return
	}
	for _, s := range w.subs {
		if !s.made.IsZero() && s.s != nil && s.made.Before(c.opened) && s.leftAt.IsZero() && !s.reused && !s.sessionOnly && s.asks == nil && !closed(s.s.Done()) && c.last[s.id] == nil {
			w.failLocked("a SEND comes on connection %d before the SUBSCRIBE of %v", c.number, s)
		}
	}
}

func (w *world) ackCameLocked(c *connection, f stomptest.Frame, tx string) {
	key := f.Get("message-id")
	if w.plan.version == stomp.V12 {
		key = f.Get("id")
	}
	d := c.byAck[key]
	switch {
	case d == nil:
		w.failLocked("%s: nothing of that id was sent on connection %d", show(f), c.number)
		return
	case strings.HasPrefix(d.id, "mine-") && excused(reusedID):
		return
	case d.sub == nil || d.sub.mode == "auto":
		w.failLocked("%s: that was sent in auto mode", show(f))
		return
	case d.sub.ended && !d.sub.taken:
		w.failLocked("%s comes after UNSUBSCRIBE on connection %d", show(f), c.number)
	case d.settled:
		w.failLocked("%s: that is acknowledged already, on connection %d", show(f), c.number)
	}
	covers := []*delivery{d}
	if d.sub.mode == "client" {
		covers = nil
		for _, before := range d.sub.deliveries {
			if !before.settled && before.number <= d.number {
				covers = append(covers, before)
			}
		}
	}
	for _, one := range covers {
		one.settled = true
	}
	if tx != "" && c.open[tx] != nil {
		c.open[tx] = append(c.open[tx], covers...)
	}
}

// goesLocked writes down a frame of the broker's.
func (w *world) goesLocked(c *connection, f stomptest.Frame, fault string) {
	sent := fault == "" || fault == "delay" || fault == "cut after" || fault == "silence"
	switch f.Command {
	case "CONNECTED":
		if sent {
			c.connected = time.Now()
			if c.asks {
				break
			}
			w.newest = c
			select {
			case w.greeted <- c.number:
			default:
			}
		}
	case "MESSAGE":
		c.out++
		d := &delivery{conn: c, sub: c.last[f.Get("subscription")], id: f.Get("subscription"), number: c.out, at: time.Now(), body: string(f.Body), whole: sent}
		w.delivered[f.Get("message-id")] = d
		key := f.Get("message-id")
		if w.plan.version == stomp.V12 {
			key = f.Get("ack")
		}
		if key != "" {
			c.byAck[key] = d
		}
		if d.sub != nil {
			d.sub.deliveries = append(d.sub.deliveries, d)
		}
	case "RECEIPT":
		if id, ok := c.asked[f.Get("receipt-id")]; ok && !c.asks && (sent || fault == "cut inside") { // it is short
			w.confirmed[id] = true
		}
	case "ERROR":
		w.words++
		_, answers := f.Lookup("receipt-id")
		id, names := f.Lookup("subscription")
		if !answers && (!names || w.plan.profile == stomptest.Generic) {
			// The Client ends a session over an ERROR that names nobody, as Artemis's is about a queue that was deleted;
			// Generic's names the subscription, and the broker closes the connection behind it.
			c.lose()
		}
		if names {
			if sub := c.subs[id]; sub != nil {
				sub.taken, sub.ended = true, true
				if sent && w.plan.profile == stomptest.RabbitMQ {
					c.cancelled[id] = append(c.cancelled[id], time.Now())
				}
				delete(c.subs, id)
			}
		}
	}
}

// refusals is a slog.Handler that takes the broker's own refusals for what they are: the Client has made a mistake.
type refusals struct{ w *world }

func (r refusals) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (r refusals) WithAttrs([]slog.Attr) slog.Handler               { return r }
func (r refusals) WithGroup(string) slog.Handler                    { return r }
func (r refusals) Handle(_ context.Context, rec slog.Record) error {
	why := rec.Message
	var number uint64
	rec.Attrs(func(a slog.Attr) bool {
		if a.Key == "connection" {
			number = a.Value.Uint64()
		}
		why += " " + a.String()
		return true
	})
	w := r.w
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.connectionLocked(number)
	troubled := w.plan.odds > 0 || w.plan.troubles > 0 || w.plan.flood
	if troubled && (strings.Contains(why, "no heart-beat") || strings.Contains(why, "fell silent")) {
		return nil // it may be the broker that is late
	}
	if c.excused {
		return nil
	}
	if w.deletes && strings.Contains(why, "no queue '") { // on a connection that had named it before
		w.noteLocked("the broker says: %s", why)
		c.lose()
		return nil
	}
	for _, sub := range c.last {
		if strings.HasPrefix(sub.id, "mine-") && excused(reusedID) {
			c.lose()
			return nil
		}
		if sub.taken { // the Client may not know yet
			w.noteLocked("the broker says: %s", why)
			c.lose()
			return nil
		}
	}
	w.failLocked("the broker refuses what the Client does: %s", why)
	return nil
}

// subscriptionsLocked returns the ids of the subscriptions on a connection, and how many reply queues there are
// beside them.
func (c *connection) subscriptionsLocked() (ids []string, replyQueues int) {
	for id, sub := range c.subs {
		if isReplyQueue(sub.destination) {
			replyQueues++
		} else {
			ids = append(ids, id)
		}
	}
	return ids, replyQueues
}

func isReplyQueue(destination string) bool {
	return strings.HasPrefix(destination, "/temp-queue/") || strings.HasPrefix(destination, replyQueue)
}

// silence makes the broker fall silent, or ends that.
func (w *world) silence(on bool) {
	w.mu.Lock()
	w.silent, w.heard = on, time.Now()
	w.mu.Unlock()
	w.broker.Silence(on)
}

// speaks notes that the broker is about to say why.
func (w *world) speaks() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.words++
}

// mischief is the trouble of the broker as a whole.
type mischief struct {
	w    *world
	dice *rand.Rand
}

// work makes trouble until it is told that there is enough.
func (m *mischief) work() {
	w := m.w
	if w.plan.flood {
		m.pause(5 * time.Second)
		w.lost()
		a := &actor{w: w, name: "the flood", dice: rand.New(rand.NewPCG(w.seed, 2))}
		tx := a.beforeFlood()
		w.note("the broker stops reading")
		w.silence(true)
		var flood sync.WaitGroup // joined below
		flood.Go(func() { a.flood(tx) })
		defer flood.Wait()
		m.pause(15 * time.Second)
		if chance(m.dice, 2) {
			w.cut()
		}
		w.silence(false)
		w.note("the broker reads again")
	}
	for range w.plan.troubles {
		if !m.pause(20 * time.Second) {
			return
		}
		m.once()
	}
}

// pause waits for a while. It is false when there is enough trouble.
func (m *mischief) pause(most time.Duration) bool {
	timer := time.NewTimer(tick(m.dice, most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-m.w.mended:
		return false
	}
}

// lost notes that every connection is about to be lost.
func (w *world) lost() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.lose()
	}
}

func (w *world) cut() {
	w.lost()
	w.note("the broker cuts every connection")
	w.broker.Cut()
}

func (m *mischief) once() {
	w := m.w
	which := m.dice.IntN(10)
	switch {
	case w.plan.leaves:
		which = 0
	case w.plan.cancels:
		which = 9
	}
	switch which {
	case 0, 1:
		if chance(m.dice, 2) { // much has arrived, then
			for _, d := range destinations {
				for range 20 {
					w.publish(d)
				}
			}
			time.Sleep(time.Nanosecond)
		}
		w.cut()
	case 2:
		w.lost()
		w.speaks()
		w.note("the broker closes every connection")
		w.broker.CloseConnections([]int{1000, 1002, 1008, 1012}[m.dice.IntN(4)], "by dice")
	case 3:
		w.lost() // the Client finds it too silent, unless it speaks again soon
		w.note("the broker falls silent")
		w.silence(true)
		m.pause(45 * time.Second)
		w.note("the broker speaks again")
		w.silence(false)
	case 4:
		w.note("the broker is slow")
		w.mu.Lock()
		w.slowed = true
		w.mu.Unlock()
		w.broker.Delay(tick(m.dice, 200*time.Millisecond))
		m.pause(10 * time.Second)
		w.broker.Delay(0)
	case 5:
		status := []int{401, 403, 404, 503}[m.dice.IntN(4)]
		w.note("the broker refuses handshakes with %d", status)
		w.broker.RefuseHandshakes(status, "by dice")
		w.cut()
		m.pause(20 * time.Second)
		w.broker.RefuseHandshakes(0, "")
	case 6:
		w.note("the broker refuses CONNECT")
		w.mu.Lock()
		w.refusing = true
		w.mu.Unlock()
		w.cut()
		m.pause(20 * time.Second)
		w.mu.Lock()
		w.refusing = false
		w.mu.Unlock()
	case 7:
		w.lost()
		w.speaks()
		w.note("the broker sends an ERROR that names nobody")
		w.broker.SendFrame("ERROR", [][2]string{{"message", "by dice"}}, []byte("no reason"))
	case 8:
		w.note("the broker sends an ERROR about a receipt that is over")
		w.broker.SendFrame("ERROR", [][2]string{{"message", "by dice"}, {"receipt-id", "r0"}}, nil)
	case 9:
		destination := destinations[m.dice.IntN(len(destinations))]
		w.note("the broker deletes %s", destination)
		w.mu.Lock()
		w.deletes = true
		w.words++
		for _, c := range w.conns {
			for _, sub := range c.subs {
				switch {
				case sub.destination != destination:
				case w.plan.profile == stomptest.Classic || w.plan.profile == stomptest.Spring:
					c.excused = true
					c.lose()
				default:
					sub.taken = true
				}
			}
		}
		w.mu.Unlock()
		w.broker.Cancel(destination)
	}
}
