package hostile_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// liveBytes returns what is reachable on the heap. What lies in a sync.Pool goes with the second collection.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What a Client holds of what a server has sent, while the user takes nothing: what has come, up to the bounds, and
// nothing on the word of a length.
func TestClient_F12_promise2_holds_bounded_memory(t *testing.T) {
	if underRace {
		t.Skip("what is measured under the race detector says nothing")
	}
	const mib = 1 << 20
	manyEntries := message("x", strings.Split(strings.Repeat("a:\n", 989)+"a:", "\n")...)
	for name, c := range map[string]struct {
		opts  []stomp.ConnectOption
		sends string
		times int
		most  int64 // live bytes above those of a session at rest
	}{
		"a body that is announced":            {sends: text(message("", "content-length:67108864")), times: 1, most: mib},
		"a body that is announced, begun":     {sends: text(message("xyz", "content-length:67108864")), times: 1, most: mib},
		"a message that is announced":         {sends: frameHead(fin|opText, uint64(1)<<62, 8) + message("xyz", "content-length:67108864"), times: 1, most: mib},
		"a header that does not end":          {sends: text("MESSAGE\n" + strings.Repeat("x:y\n", 900)), times: 1, most: mib},
		"fragments without end":               {sends: first("") + strings.Repeat(next(""), 100_000), times: 1, most: mib},
		"fragments of heart-beats":            {sends: first("\n") + strings.Repeat(next("\n"), 100_000), times: 1, most: mib},
		"a queue of small frames":             {opts: bounded(0, mib), sends: strings.Repeat(text(a), 100), times: 200, most: 3 * mib},
		"a queue of large frames":             {opts: bounded(0, mib), sends: text(counted(strings.Repeat("x", 100_000))), times: 50, most: 3 * mib},
		"frames, counted":                     {opts: bounded(100, 0), sends: strings.Repeat(text(a), 100), times: 200, most: mib},
		"a queue of frames with many entries": {opts: bounded(0, mib), sends: strings.Repeat(text(manyEntries), 10), times: 30, most: 4 * mib},
		"frames for nobody":                   {sends: text("MESSAGE\nsubscription:nobody\n\n" + strings.Repeat("x", 10_000) + "\x00"), times: 1_000, most: mib},
	} {
		judge(t, "memory: "+name, func(t *testing.T) (problems []string) {
			for _, w := range ways {
				if w.bytes || w.name == "unix" {
					continue
				}
				s := converse(t, w, c.opts...)
				s.say(text("\n"))
				before := liveBytes()
				for range c.times {
					rig.OK(t, s.server.write([]byte(c.sends)))
				}
				s.said += uint64(len(c.sends) * c.times)
				s.wait("reads what it is sent", func() bool { return s.client.Stats().BytesReceived >= s.said })
				if held := liveBytes() - before; held > c.most {
					problems = append(problems, fmt.Sprintf("%s: %d bytes are held, want %d at most", w.name, held, c.most))
				}
				s.client.Close()
			}
			return problems
		})
	}
}

// While a call waits for what never comes, reading goes on beyond the bound of OverflowBlock: 16 MiB at full speed, what
// comes then at 4 MiB a second at most.
func TestClient_promise2_holds_bounded_memory_while_a_call_waits(t *testing.T) {
	if underRace {
		t.Skip("what is measured under the race detector says nothing")
	}
	const mib = 1 << 20
	flood := []byte(text(counted(strings.Repeat("x", 100_000))))
	for _, w := range ways {
		if w.bytes || w.name == "unix" {
			continue
		}
		s := converse(t, w, stomp.WithBuffer(0, mib, stomp.OverflowBlock))
		before := liveBytes()
		_, err := s.client.SendAsync(t.Context(), "/never", nil)
		rig.OK(t, err)
		start := time.Now()
		flooded := rig.Go(func() error { // ends with the connection
			for {
				if err := s.server.write(flood); err != nil {
					return err
				}
			}
		})
		s.wait("reads beyond the bound", func() bool { return s.client.Stats().QueuedBytes >= 17*mib })
		held, queued := liveBytes()-before, s.client.Stats().QueuedBytes
		if most := 18*mib + int64(4*mib*time.Since(start).Seconds()); queued > most || held > queued+2*mib {
			t.Errorf("%s: %d bytes are queued after %v, and %d held", w.name, queued, time.Since(start), held)
		}
		s.client.Close()
		<-flooded
	}
}

// bounded lets a subscription hold that much, and drop what is newer.
func bounded(frames int, bytes int64) []stomp.ConnectOption {
	return []stomp.ConnectOption{stomp.WithBuffer(frames, bytes, stomp.OverflowDropNewest)}
}
