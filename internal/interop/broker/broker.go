// Package broker starts real STOMP servers for the interop tests: RabbitMQ as
// Debian packages it, and ActiveMQ Artemis, ActiveMQ Classic and Spring from
// Maven Central, each embedded in a small program of this package's. Each is on
// loopback, on ports of its own, with its data in one folder.
//
// What it needs on the machine, internal/interop/install installs on Debian.
package broker

import (
	"context"
	"fmt"
)

// Broker is one server. Its methods are called one at a time. Start after Stop
// or Kill brings it back on the same ports with the same data.
type Broker interface {
	Name() string
	Version() string

	// Start starts the server, and builds it before where that was never done on
	// this machine. It returns, within ctx, when every port accepts and the server
	// is ready. Else nothing runs, and the error holds the end of its console; it
	// matches *Missing where the server cannot be had.
	Start(ctx context.Context) error
	// Stop ends the server: SIGTERM, and SIGKILL when it still runs after 10 s. It
	// returns when no process is left.
	Stop()
	// Kill ends the server with SIGKILL, as a power cut would, and returns when no
	// process is left.
	Kill()

	// DeleteQueue removes a queue as an operator does, whoever is subscribed to it.
	// The name is the server's: "a", where a client says "/queue/a".
	DeleteQueue(ctx context.Context, name string) error
}

// Missing says that a server cannot be had on this machine. errors.As finds it,
// as *Missing, in what the New functions and Start return.
type Missing struct {
	What string // the server, program or library that is not there
	How  string // to get it
	Err  error  // the failure that told; may be nil
}

func (m *Missing) Error() string {
	if m.Err == nil {
		return fmt.Sprintf("no %s: %s", m.What, m.How)
	}
	return fmt.Sprintf("no %s: %v (%s)", m.What, m.Err, m.How)
}

func (m *Missing) Unwrap() error { return m.Err }

// installs is how to get any program that is missing.
const installs = "on Debian, internal/interop/install installs it"
