// Package bench measures the client against a ceiling: the same work done with
// the bare WebSocket library, in the same process and the same run, so that the
// figures are ratios and a slow or busy machine slows both sides.
//
//	go run ./internal/bench/cmd/bench         # the table
//	go test -run '^$' -bench . ./internal/bench
//
// A [Measure] has its variants in a file of its own (receive.go, send.go,
// roundtrip.go, idle.go); rounds.go runs them in turns; table.go, benchstat.go
// and chart.go render. peer.go is the server.
package bench
