package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/ws"
)

// Promise 7: whatever happens to its connections, each frame is written in its place, taken back, or left over.
func TestOutbox_promise7_does_what_the_model_does(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			c := &comparison{t: t, random: rand.New(rand.NewPCG(seed, 11))}
			for c.session = range 3 {
				if err := c.compare(); err != nil {
					t.Fatalf("seed %d, session %d, %v", seed, c.session, err)
				}
			}
		})
	}
}

// comparison makes the same calls to an Outbox and to the model. Sessions follow one another, and what one leaves
// over goes out on the next.
type comparison struct {
	t       *testing.T
	random  *rand.Rand
	session int
	made    int // frames
	tickets []*modelTicket
	carried []*modelFrame // from the session before

	// Of this session.
	rig     *rig
	line    *line
	model   *model
	checked int // bytes of the wire
}

// compare runs one session until the first difference.
func (c *comparison) compare() error {
	c.rig, c.line = onLine(c.t, 0, Options{BeatType: ws.Text})
	c.model, c.checked = &model{}, 0
	if c.random.IntN(2) == 0 { // the peer reads all there is
		c.line.credit, c.model.credit = unlimited, unlimited
	}
	for _, f := range c.carried {
		if err := c.add(&modelFrame{bytes: f.bytes, carry: true, ticket: f.ticket}, Entry{Encoded: f.bytes, Forced: true}); err != nil {
			return fmt.Errorf("carried: %w", err)
		}
	}
	for step := range 60 {
		call, err := c.call()
		if err == nil {
			err = c.check()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, call, err)
		}
	}
	if err := c.end(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	return nil
}

// call makes one call to both.
func (c *comparison) call() (name string, err error) {
	switch n := c.random.IntN(100); {
	case n < 50:
		return "Add", c.addNew()
	case n < 60:
		return "Withdraw", c.withdraw()
	case n < 70:
		number := 1 + c.random.Uint64N(uint64(len(c.model.all)+2))
		want := c.model.awaitFlush(number)
		if got := c.rig.IsFlushed(number); got != (want == nil) {
			return "IsFlushed", fmt.Errorf("%t, want %t", got, want == nil)
		}
		return "AwaitFlush", same(c.rig.AwaitFlush(ended(), number), want)
	case n < 75:
		c.rig.w.Beat()
		c.model.beatDue = true
		return "Beat", nil
	case n < 90:
		bytes := 1 << c.random.IntN(20)
		c.line.read(bytes)
		c.model.credit += bytes
		return "the peer reads", nil
	case n < 97:
		if !c.model.runs {
			c.rig.run(c.t)
			c.model.runs = true
		}
		time.Sleep(inlineGap) // so that a sender may write
		return "Run", nil
	case n == 97:
		bytes := c.random.IntN(200_000)
		c.line.cut(bytes)
		c.model.credit, c.model.breaks = min(c.model.credit, bytes), true
		return "the line breaks", nil
	case n == 98:
		c.rig.w.Finish()
		c.model.finished = true
		return "Finish", nil
	}
	if c.random.IntN(3) == 0 {
		c.rig.Fail(errOver)
		c.model.fail(errOver)
	}
	return "Fail", nil
}

func (c *comparison) addNew() error {
	c.made++
	size := 1 + c.random.IntN(300)
	switch c.random.IntN(20) {
	case 0, 1:
		size = c.random.IntN(2 * inlineBytes)
	case 2:
		size = c.random.IntN(400_000)
	}
	f := &modelFrame{bytes: frameOf(c.made, size), carry: c.random.IntN(3) > 0}
	e := Entry{Forced: c.random.IntN(10) == 0}
	if c.random.IntN(2) == 0 {
		f.ticket = &modelTicket{real: new(Ticket)}
		c.tickets = append(c.tickets, f.ticket)
	}
	if c.random.IntN(3) == 0 {
		e.Encoded = f.bytes
	}
	if c.random.IntN(100) == 0 {
		e.Last = errLast
	}
	return c.add(f, e)
}

func (c *comparison) add(f *modelFrame, e Entry) error {
	e.Type, e.Carry = ws.Binary, f.carry
	if f.ticket != nil {
		e.Ticket = f.ticket.real
	}
	encode := asIs
	if e.Encoded == nil {
		encode = appending(string(f.bytes))
	}
	got, err := c.rig.Add(ended(), e, encode)
	want, wantErr := c.model.add(f, e.Forced, e.Last)
	if got != want {
		return fmt.Errorf("number %d, want %d", got, want)
	}
	return same(err, wantErr)
}

func (c *comparison) withdraw() error {
	if len(c.tickets) == 0 {
		return nil
	}
	t := c.tickets[max(c.random.IntN(len(c.tickets)), c.random.IntN(len(c.tickets)))] // rather a late one
	if got, want := t.real.Withdraw(), t.withdraw(); got != want {
		return fmt.Errorf("unsent is %v, want %v", got, want)
	}
	return nil
}

// check compares what can be seen of both when nothing moves.
func (c *comparison) check() error {
	synctest.Wait()
	m := c.model
	m.run()
	wire := c.line.since(c.checked)
	if !bytes.Equal(wire, m.wire[c.checked:]) {
		return fmt.Errorf("%d bytes were written after %d, want %d, or they differ", len(wire), c.checked, len(m.wire)-c.checked)
	}
	c.checked = len(m.wire)
	_, taken := c.rig.Backlog()
	got := []uint64{c.rig.w.Frames(), c.rig.w.Beats(), c.rig.Last(), taken}
	if want := []uint64{m.frames, m.beats, uint64(len(m.all)), m.taken}; !slices.Equal(got, want) {
		return fmt.Errorf("frames, beats, last, taken: %d, want %d", got, want)
	}
	select {
	case err := <-c.rig.ended:
		c.rig.ended <- err
		if !m.over {
			return fmt.Errorf("Run has returned %v", err)
		}
		return same(err, m.result)
	default:
		if m.over {
			return fmt.Errorf("Run has not returned %v", m.result)
		}
	}
	return nil
}

// end ends the session in one way or another, and compares what is left over.
func (c *comparison) end() error {
	m := c.model
	if m.runs && !m.over && len(m.steps) == 0 && c.random.IntN(2) == 0 {
		close(c.rig.stop)
		m.over, m.result = true, ErrStopped
	} else {
		c.line.cut(0)
		c.rig.w.Beat() // a line that breaks is found by a write
		m.credit, m.breaks, m.beatDue = 0, true, true
	}
	if err := c.check(); err != nil {
		return err
	}
	c.rig.Fail(errOver)
	m.fail(errOver)
	var again []*modelFrame // are sent again though they were begun, as WithRetry asks for
	for _, t := range c.tickets {
		if c.random.IntN(20) == 0 {
			if err := c.withdraw(); err != nil {
				return err
			}
		}
		number, here, begun := t.real.Leave(c.rig.w)
		wantNumber, wantHere, wantBegun := t.leave(m)
		if number != wantNumber || here != wantHere || begun != wantBegun {
			return fmt.Errorf("Leave: %d, %v, %v, want %d, %v, %v", number, here, begun, wantNumber, wantHere, wantBegun)
		}
		if begun && c.random.IntN(4) == 0 {
			again = append(again, t.frame)
		}
	}
	err := c.leftover()
	c.carried = append(c.carried, again...)
	return err
}

// leftover compares what is left over, and carries it to the next session.
func (c *comparison) leftover() error {
	c.carried = c.model.leftover()
	left := c.rig.w.Leftover()
	if len(left) != len(c.carried) {
		return fmt.Errorf("%d frames are left over, want %d", len(left), len(c.carried))
	}
	for i, f := range c.carried {
		var ticket *Ticket
		if f.ticket != nil {
			ticket = f.ticket.real
		}
		if want := (Leftover{Frame: f.bytes, Type: ws.Binary, Number: f.number, Ticket: ticket}); !sameLeftover(left[i], want) {
			return fmt.Errorf("left over is number %d, %.20q; want %d, %.20q", left[i].Number, left[i].Frame, f.number, f.bytes)
		}
	}
	return nil
}

func sameLeftover(a, b Leftover) bool {
	return bytes.Equal(a.Frame, b.Frame) && a.Type == b.Type && a.Number == b.Number && a.Ticket == b.Ticket
}

func same(got, want error) error {
	if !errors.Is(got, want) {
		return fmt.Errorf("error %v, want %v", got, want)
	}
	return nil
}
