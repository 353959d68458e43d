package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestMain(m *testing.M) { leak.Main(m) }

// attack is what a server does to a Client that has one session and one subscription, and what has to become of it.
type attack struct {
	name string
	opts []stomp.ConnectOption

	upgrade string // the answer to the upgrade, with %s for the accept key; "": accepted
	greets  string // the bytes that answer CONNECT, with their WebSocket frames; "": CONNECTED of version 1.2
	sends   string // likewise, what the server sends after SUBSCRIBE
	hangUp  bool   // after all of that the server ends the connection

	bodies    []string // that the Client has to deliver
	refused   *refusal // how Connect has to fail; nil: it has to succeed
	end       *ending  // how the session has to end; nil: it has to stand
	closeCode int      // of the Client's close frame; 0: any or none
	pongs     []string // that the Client has to send; nil: any
	allocates int      // bytes that all of it may allocate at most, on both ends; 0: usual
}

// usual is what a case may allocate: the connection's handshakes, of which TLS alone takes 300 kB, and what is read.
const usual = 2 << 20

// patience is how long a case may take that takes milliseconds.
const patience = 20 * time.Second

// ending is how a session ends.
type ending struct {
	kind string // of error, in words
	is   func(error) bool
	says []string // parts of the text
}

// lost is an end of the connection.
func lost(says ...string) *ending {
	return &ending{"ErrConnectionLost", func(err error) bool { return errors.Is(err, stomp.ErrConnectionLost) }, says}
}

// breach is an end because the server breaks RFC 6455.
func breach(says ...string) *ending {
	return lost(append(says, "the peer broke the WebSocket protocol")...)
}

// with is an end whose error has an E in it.
func with[E error](says ...string) *ending {
	var e E
	return &ending{fmt.Sprintf("%T", e), func(err error) bool { return errors.As(err, &e) }, says}
}

// protocol is an end because the server breaks a clause.
func protocol(clause string, says ...string) *ending {
	return with[*stomp.ProtocolError](append(says, "("+clause+")")...)
}

// refusal is how Connect fails: a *ConnectError with that status, and a cause.
type refusal struct {
	status int
	cause  ending
}

// outcome is what has become of a Client.
type outcome struct {
	bodies    []string
	refused   error // of Connect
	err       error // of the Client; nil: its session stood until the test closed it
	hung      bool
	heard     heard
	allocated uint64
	leaked    int // goroutines
}

// alive is the body of the last message of a server whose Client is to stand.
const alive = "alive"

// run plays the attack on a new Client.
func (a attack) run(t *testing.T, w way, bare bool) (o outcome) {
	t.Helper()
	script := a.script()
	goroutines := runtime.NumGoroutine()
	allocated := allocatedBytes()
	nc, url, dial := w.connect(t, bare)
	s := newServer(nc, bare, w.bytes)
	var playing sync.WaitGroup // joined below
	playing.Go(func() { a.play(s, script) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	attend(&o, ctx, url, append([]stomp.ConnectOption{dial, stomp.WithoutReconnect()}, a.opts...), func(f stomp.Frame) bool {
		if string(f.Body) == alive {
			return false
		}
		o.bodies = append(o.bodies, string(f.Body))
		return true
	})
	o.hung = ctx.Err() != nil
	if o.hung {
		nc.Close()
	}
	playing.Wait()
	o.heard = s.close()
	o.allocated = allocatedBytes() - allocated
	if !leak.Settles(goroutines) {
		o.leaked = runtime.NumGoroutine() - goroutines
	}
	return o
}

// script is what the server writes, made before it is measured what it costs.
type script struct {
	before, after []byte // the answer to the upgrade, about the accept key
	greets, sends []byte
}

func (a attack) script() script {
	answer := a.upgrade
	switch answer {
	case "":
		answer = accepted
	case nothing:
		answer = ""
	}
	before, after, key := strings.Cut(answer, "%s")
	s := script{before: []byte(before), greets: []byte(a.greets), sends: []byte(a.sends)}
	if key {
		s.after = []byte(after)
	}
	return s
}

// play is the server.
func (a attack) play(s *server, script script) {
	defer s.linger()
	if !s.bare {
		if s.upgrade(script.before, script.after) != nil {
			return
		}
	} else {
		s.listen()
	}
	// A Client that ends early makes all that follows fail, which is its right.
	if a.refused == nil || a.upgrade == "" {
		if s.await("CONNECT") != nil {
			return
		}
		if a.greets == "" {
			s.say(rig.Connected12)
		}
		s.write(script.greets)
	}
	if a.refused == nil {
		if s.await("SUBSCRIBE") != nil {
			return
		}
		s.write(script.sends)
		s.awaitHeard(func(h heard) bool { return len(h.pongs) >= len(a.pongs) })
	}
	switch {
	case a.hangUp:
		s.nc.Close()
	case a.refused == nil:
		s.say(message(alive))
	}
}

// attend is the user, who takes messages until the Client has ended, or take returns false.
func attend(o *outcome, ctx context.Context, url string, opts []stomp.ConnectOption, take func(stomp.Frame) bool) {
	c, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		o.refused = err
		return
	}
	defer c.Close()
	sub, err := c.Subscribe(ctx, "/a", stomp.WithID(subscription))
	if err != nil {
		o.err = err
		return
	}
	for f := range sub {
		if !take(f) {
			o.err = c.Err()
			return
		}
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
	}
	o.err = c.Err()
}

// problems says what is wrong with an outcome.
func (a attack) problems(o outcome) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch {
	case o.hung:
		add("it hangs (error %v)", o.err)
	case a.end == nil && o.err != nil:
		add("the session ended: %v", o.err)
	case a.end != nil && o.err == nil:
		add("the session stands; want an end with %s", a.end.kind)
	case a.end != nil && !(a.end.is(o.err) && errors.Is(o.err, stomp.ErrConnectionLost)):
		add("the session ended with %v (%T); want %s, and ErrConnectionLost", o.err, o.err, a.end.kind)
	}
	if a.end != nil && o.err != nil {
		list = append(list, missing(o.err, a.end.says)...)
	}
	switch {
	case a.refused == nil && o.refused != nil:
		add("Connect failed: %v", o.refused)
	case a.refused != nil && o.refused == nil:
		add("Connect succeeded")
	case a.refused != nil:
		list = append(list, a.refused.problems(o.refused)...)
	}
	if !slices.Equal(o.bodies, a.bodies) {
		add("delivered: %.200q; want %.200q", o.bodies, a.bodies)
	}
	if a.closeCode != 0 && o.heard.closeCode != a.closeCode {
		add("the Client closed with %d %q, want %d", o.heard.closeCode, o.heard.reason, a.closeCode)
	}
	if a.pongs != nil && !slices.Equal(o.heard.pongs, a.pongs) {
		add("the Client's pongs are %.100q, want %.100q", o.heard.pongs, a.pongs)
	}
	for _, fault := range o.heard.faults {
		add("%s", fault)
	}
	if most := max(a.allocates, usual); o.allocated > uint64(most) && !underRace {
		add("%d bytes were allocated, want %d at most", o.allocated, most)
	}
	if o.leaked > 0 {
		add("%d goroutines are left", o.leaked)
	}
	return list
}

// missing names the parts that are not in an error's text.
func missing(err error, parts []string) (list []string) {
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			list = append(list, fmt.Sprintf("%q is not in: %v", part, err))
		}
	}
	return list
}

// problems says what is wrong with an error of Connect.
func (r *refusal) problems(err error) (list []string) {
	var failed *stomp.ConnectError
	switch {
	case !errors.As(err, &failed):
		return []string{fmt.Sprintf("Connect failed with %v (%T); want a *ConnectError", err, err)}
	case failed.StatusCode != r.status:
		list = append(list, fmt.Sprintf("the status is %d, want %d (%v)", failed.StatusCode, r.status, err))
	case !strings.Contains(failed.URL, host):
		list = append(list, fmt.Sprintf("the URL is %q", failed.URL))
	case !r.cause.is(err):
		list = append(list, fmt.Sprintf("Connect failed with %v; want %s in it", err, r.cause.kind))
	}
	if len(failed.Body) > 1<<10 {
		list = append(list, fmt.Sprintf("%d bytes of a body are kept", len(failed.Body)))
	}
	return append(list, missing(err, r.cause.says)...)
}

// isLong reports whether the attack takes seconds byte by byte, which shows nothing new.
func (a attack) isLong() bool { return len(a.upgrade)+len(a.greets)+len(a.sends) > 4<<10 }

func allocatedBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// judge runs a case as a subtest, which fails for each problem.
func judge(t *testing.T, name string, run func(t *testing.T) (problems []string)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, p := range run(t) {
			t.Error(p)
		}
	})
}

// assault runs each attack in every way.
func assault(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		judge(t, a.name, func(t *testing.T) (problems []string) {
			for _, w := range ways {
				if w.bytes && a.isLong() || underRace && !w.plain() {
					continue
				}
				for _, p := range a.problems(a.run(t, w, false)) {
					problems = append(problems, w.name+": "+p)
				}
			}
			return problems
		})
	}
}
