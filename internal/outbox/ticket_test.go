package outbox

import (
	"testing"
	"testing/synctest"
)

// A frame that is taken back is not written, at whatever moment between its two sessions that happens; and it is
// unsent if not a byte of it ever was.
func TestTicket_Withdraw_at_each_moment(t *testing.T) {
	moments := []string{"before Add", "waiting", "taken", "Run is over", "left", "waiting again", "written again"}
	for name, c := range map[string]struct {
		read   int // bytes that the peer reads in the first session, while the frame waits
		unsent []bool
		again  []bool // it is written in the second session
	}{
		// What was accepted when the Writer was stuck in another frame waits in its session to the end.
		"a_frame_that_waits": {0,
			[]bool{true, true, true, true, true, true, false}, []bool{false, false, false, false, false, false, true}},
		// What the Writer has begun is not unsent any more, but not written again either.
		"a_frame_that_is_begun": {unlimited,
			[]bool{true, true, false, false, false, false, false}, []bool{false, false, false, false, false, false, true}},
	} {
		for i, moment := range moments {
			t.Run(name+"/"+moment, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var ticket Ticket
					reach := func(now string) {
						synctest.Wait()
						if now == moment && ticket.Withdraw() != c.unsent[i] {
							t.Errorf("unsent is not %v", c.unsent[i])
						}
					}
					first, l := onLine(t, 0, Options{})
					reach("before Add")
					first.run(t)
					first.mustPut(t, Entry{}, "another") // which the Writer waits with
					synctest.Wait()
					n := first.mustPut(t, Entry{Ticket: &ticket, Carry: true}, "frame")
					reach("waiting")
					l.read(c.read)
					reach("taken")
					l.cut(0)
					first.w.Beat()
					<-first.ended
					first.Fail(errOver)
					reach("Run is over")
					withdrawnBefore := ticket.out == nil
					if number, here, _ := ticket.Leave(first.w); here == withdrawnBefore || here && number != n {
						t.Errorf("Leave: number %d, here %v", number, here)
					}
					if _, here, _ := ticket.Leave(first.w); here {
						t.Error("it is there after Leave")
					}
					reach("left")

					second, l := onLine(t, unlimited, Options{})
					n = second.mustPut(t, Entry{Ticket: &ticket}, "frame")
					reach("waiting again")
					second.run(t)
					must(t, second.AwaitFlush(t.Context(), n))
					reach("written again")
					if got := l.taken() == "frame"; got != c.again[i] || !got && l.taken() != "" {
						t.Errorf("the second session has written %q", l.taken())
					}
				})
			})
		}
	}
}

func TestTicket_Leave_of_another_Outbox(t *testing.T) {
	first, _ := onLine(t, 0, Options{})
	second, _ := onLine(t, 0, Options{})
	var ticket Ticket
	n := second.mustPut(t, Entry{Ticket: &ticket}, "frame")
	if number, here, begun := ticket.Leave(first.w); number != 0 || here || begun {
		t.Errorf("%d, %v, %v", number, here, begun)
	}
	if number, here, begun := ticket.Leave(second.w); number != n || !here || begun {
		t.Errorf("%d, %v, %v", number, here, begun)
	}
}
