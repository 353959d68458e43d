// Package bench measures the client against the same contract done with the bare
// WebSocket library (package minimal), and against that library used as cheaply
// as it can be. All three do the same work, in the same process and the same run,
// so that the figures are ratios and a slow or busy machine slows all of them.
//
//	go run ./internal/bench/cmd/bench         # the table
//	go test -run '^$' -bench . ./internal/bench
//
// A [Measure] has its three variants in a file of its own (receive.go, send.go,
// echo.go, idle.go), on what load.go and bare.go connect; rounds.go runs them in
// turns; result.go compares; table.go, benchstat.go and chart.go render. The
// server is package peer, which the tests in soak and the comparison with other
// clients in rival use, too.
package bench
