// Package model holds a test that drives whole Clients by dice, and knows what must come of it. It exports nothing.
//
// A run takes place in a synctest bubble: one Client, the broker of stomptest over pipes, several goroutines that
// make random calls, consumers of every kind, and trouble on the way. Three accounts are kept, and compared when all
// is quiet and once more at the end:
//
//   - what was asked of the Client and what it said: each SEND with its outcome, each subscription with its end
//     (calls_test.go, subs_test.go);
//   - what the broker saw: every frame that came, on which connection, in which order, and whether it may come at
//     that point at all (broker_test.go);
//   - what the broker sent, and which consumer got it.
//
// The trouble is cuts, silence, slowness, refusals and ERRORs of all kinds; frames that the broker refuses always, or
// for a while, without saying which (promise 5); commands that it leaves without a RECEIPT; functions of the user's
// that take their time, ignore their ctx or fail (asking_test.go); and consumers that dawdle or stop reading.
//
// Whatever cannot be known is left open: a frame that was in flight when its connection broke may have arrived or
// not. Two times in the bubble can be compared, though: time passes only while every goroutine waits, so whatever
// happened at an earlier time happened before, with all its consequences but those that wait for something.
//
// The dice of one seed make the same calls and the same trouble. Which of two goroutines runs first is not theirs to
// say, so a seed that failed once may need several runs to fail again:
//
//	go test ./internal/model -model.seed=12345 -model.runs=200
//
// Package mutants, below cmd, breaks the code on purpose in many places and runs this test on each: what it does not
// notice, it does not test.
package model
