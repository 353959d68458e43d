// Package interop runs one suite of scenarios against real brokers. A column of
// the matrix is one way to reach one of them (Endpoint), a row is a Scenario. What
// a server does not offer is listed in one table, with the reason (offers.go).
//
// `go run ./internal/interop/cmd/matrix` runs the whole matrix and writes
// docs/interop.md. The test of this package runs the same; it is opt-in:
// WEBSTOMP_INTEROP=1.
//
// Package broker starts the servers. Package proxy has the tests behind nginx and
// HAProxy, brokertls those of TLS on a broker itself, foreign those against other
// clients, examples those of the examples. Package servers says when all of them run.
package interop
