// Package interop runs one suite of scenarios against real brokers. A column is
// a way into one of them (Endpoint), a row is a Scenario; what a server does not
// offer stands in one table (offers.go) with its reason. `go run
// ./internal/interop/cmd/matrix` runs all of it and writes the README's table;
// the test of this package runs the same and is opt-in: WEBSTOMP_INTEROP=1.
//
// Package broker starts the servers, package foreign has the tests with other
// clients.
package interop
