package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// The times are drawn by dice, and addresses differ: what stands fast is
// compared.
func TestRun_receives_after_the_outage(t *testing.T) {
	broker := stomptest.NewBroker()
	defer broker.Close()
	var out bytes.Buffer
	if err := run(t.Context(), &out, broker); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"attempt 1 in ", "attempt 2 in ", "attempt 3 in ", "503 Service Unavailable", "out to lunch",
		"connected again, session 2\n", "received \"back on air\" in session 2\n"} {
		before, after, found := strings.Cut(text, want)
		if !found {
			t.Fatalf("%q is not in its place in\n%s", want, out.String())
		}
		_, text = before, after
	}
}
