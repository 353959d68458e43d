package main

import (
	"os"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/interop/servers"
)

// itself is our client in a process of its own: the test's program.
func itself(t *testing.T) contender {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: "webstomp", command: []string{program}}
}

func TestPlan_has_every_round_measured(t *testing.T) {
	small := plan{messages: 20, size: 16, rounds: 2}
	result, err := besidePeer(t.Context(), []contender{itself(t)}, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range result.rows {
		if len(r.time) != small.rounds || len(r.cpu) != small.rounds {
			t.Errorf("%s: %d times and %d of CPU after %d rounds", r.work, len(r.time), len(r.cpu), small.rounds)
		}
	}
	if len(result.rows) != 3 {
		t.Errorf("%d rows, want one for each of the three works", len(result.rows))
	}
}

// What a worker complains about is in the error.
func TestContender_says_who_failed(t *testing.T) {
	_, err := itself(t).run(t.Context(), task{Work: "doze"})
	if err == nil || !strings.Contains(err.Error(), "webstomp, doze: ") || !strings.Contains(err.Error(), "no such work") {
		t.Errorf("%v, want who failed at what, and its own words", err)
	}
	if _, err := (contender{command: []string{"/there/is/no/such/program"}}).run(t.Context(), task{}); err == nil {
		t.Error("a program that does not exist gave figures")
	}
}

// The others' clients, each at every piece of work.
func TestContender_of_others_does_every_piece_of_work(t *testing.T) {
	servers.OptIn(t)
	clients, err := contenders(t.Context(), t.TempDir(), func(reason error) { t.Error(reason) })
	if err != nil {
		t.Fatal(err)
	}
	at := places(t)
	for _, c := range clients[2:] { // ours are in TestCarryOut_…
		for _, work := range []string{workReceive, workSend, workEcho, workTopic} {
			t.Run(c.name+", "+work, func(t *testing.T) {
				f, err := c.run(t.Context(), plan{messages: 2000, size: 256}.task(work, c, at[work]))
				if err != nil || f.Seconds <= 0 || f.CPU <= 0 {
					t.Errorf("%+v, %v", f, err)
				}
			})
		}
	}
}
