package outbox

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/ws"
)

// Promise 7: whatever senders do while a connection is cut, each frame is found once: the peer has it, or the next
// session will, or it was taken back, or it had begun.
func TestOutbox_promise7_loses_no_frame_when_the_connection_is_cut(t *testing.T) {
	for seed := range uint64(20) {
		for name, pair := range map[string]func(testing.TB) (near, far net.Conn){"socket": socketPair, "pipe": pipePair} {
			t.Run(fmt.Sprintf("%s_%d", name, seed), func(t *testing.T) {
				near, far := pair(t)
				s := &stress{rig: onConn(t, ws.Stream(near), Options{BeatType: ws.Text}), fates: map[uint64]*fate{}}
				s.run(t)
				var all sync.WaitGroup
				for sender := range uint64(8) {
					all.Go(func() { s.send(t, rand.New(rand.NewPCG(seed, sender))) }) // joined below
				}
				all.Go(func() { s.receive(t, far, rand.New(rand.NewPCG(seed, 100))) }) // likewise
				err := <-s.ended
				s.Fail(errOver)
				if err == nil || err == ErrStopped {
					t.Errorf("Run: %v", err)
				}
				all.Wait()
				s.judge(t)
			})
		}
	}
}

func pipePair(t testing.TB) (near, far net.Conn) { return net.Pipe() }

func socketPair(t testing.TB) (near, far net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	far, err = l.Accept()
	must(t, err)
	return near, far
}

type stress struct {
	*rig
	received []uint64 // written by receive

	mu    sync.Mutex // guards fates
	fates map[uint64]*fate
}

// fate is what a sender did with its frame.
type fate struct{ carry, unsent bool }

// send adds frames until the session is over. Each says its number, which it has when it is encoded.
func (s *stress) send(t *testing.T, random *rand.Rand) {
	for {
		var ticket Ticket
		f := &fate{carry: random.IntN(4) > 0}
		size := random.IntN(500)
		if random.IntN(50) == 0 {
			size = random.IntN(100_000)
		}
		number, err := s.Add(context.Background(), Entry{Carry: f.carry, Ticket: &ticket, Forced: random.IntN(100) == 0}, func(dst []byte) ([]byte, error) {
			return append(append(dst, frameOf(int(s.accepted)+1, size)...), 0), nil
		})
		if err != nil {
			return
		}
		switch random.IntN(10) {
		case 0:
			s.w.Beat()
		case 1, 2:
			f.unsent = ticket.Withdraw()
		case 3:
			_ = s.AwaitFlush(context.Background(), number) // as long as the session lasts
		case 4:
			runtime.Gosched()
		}
		s.mu.Lock()
		if s.fates[number] != nil {
			t.Errorf("number %d was given twice", number)
		}
		s.fates[number] = f
		s.mu.Unlock()
	}
}

// receive reads slowly, and cuts the connection at some byte.
func (s *stress) receive(t *testing.T, far net.Conn, random *rand.Rand) {
	defer far.Close()
	r := bufio.NewReaderSize(far, 1<<10)
	for left := random.IntN(3 << 20); left > 0; {
		frame, err := r.ReadBytes(0)
		if err != nil {
			t.Error(err)
			return
		}
		left -= len(frame)
		for len(frame) > 0 && frame[0] == '\n' { // heart-beats
			frame = frame[1:]
		}
		var number, size int
		if _, err := fmt.Sscanf(string(frame[:min(len(frame), 30)]), "[%d:%d]", &number, &size); err != nil || string(frame[:len(frame)-1]) != string(frameOf(number, size)) {
			t.Errorf("received %.40q: %v", frame, err)
			return
		}
		s.received = append(s.received, uint64(number))
		runtime.Gosched()
	}
}

// judge looks for each frame.
func (s *stress) judge(t *testing.T) {
	where := map[uint64]string{}
	last := uint64(0)
	for _, number := range s.received {
		if number <= last {
			t.Fatalf("frame %d came behind frame %d", number, last)
		}
		where[number], last = "received", number
	}
	for _, l := range s.w.Leftover() {
		if where[l.Number] != "" || l.Number <= s.w.begun || string(l.Frame[:len(l.Frame)-1]) != string(frameOf(int(l.Number), sizeIn(l.Frame))) {
			t.Errorf("frame %d is left over: %.40q; it was %s", l.Number, l.Frame, where[l.Number])
		}
		where[l.Number] = "left over"
	}
	for number := uint64(1); number <= s.Last(); number++ {
		f := s.fates[number]
		want := "received"
		switch {
		case f == nil:
			t.Fatalf("nobody has got number %d", number)
		case f.unsent, number > s.w.begun && !f.carry:
			want = ""
		case number > s.w.begun:
			want = "left over"
		case number > last:
			want = "" // it had begun when the connection was cut
		}
		if where[number] != want {
			t.Errorf("frame %d was %q, want %q: %+v, last received %d, begun %d", number, where[number], want, *f, last, s.w.begun)
		}
	}
}

func sizeIn(frame []byte) (size int) {
	var number int
	_, _ = fmt.Sscanf(string(frame[:min(len(frame), 30)]), "[%d:%d]", &number, &size)
	return size
}
