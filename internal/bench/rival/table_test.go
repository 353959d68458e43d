package main

import (
	"strings"
	"testing"
)

func TestTable_shows_medians(t *testing.T) {
	result := newTable("a server", []string{workReceive, workEcho}, []contender{{name: "ours"}, {name: "theirs"}})
	for _, seconds := range []float64{9, 1, 2} { // median 2
		result.add(workReceive, "ours", 1_000_000, figures{Seconds: seconds, CPU: seconds / 2})
		result.add(workReceive, "theirs", 100_000, figures{Seconds: seconds, CPU: -1})
		result.add(workEcho, "ours", 1000, figures{Seconds: seconds, CPU: 0.0125})
		result.add(workEcho, "theirs", 1, figures{Seconds: seconds / 1e5, CPU: 0})
	}
	const want = `| | client | µs a message | messages/s | CPU of the client, µs a message |
|---|---|--:|--:|--:|
| receive | ours | 2.00 | 500000 | 1.00 |
|  | theirs | 20.0 | 50000 | – |
| send and receive, one at a time | ours | 2000 | 500 | 12.5 |
|  | theirs | 20.0 | 50000 | 0.00 |
`
	var got strings.Builder
	if err := result.write(&got); err != nil || got.String() != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got.String(), want)
	}
}
