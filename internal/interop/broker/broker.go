// Package broker starts real STOMP servers for the interop tests: RabbitMQ as
// Debian packages it, and ActiveMQ Artemis, ActiveMQ Classic and Spring from
// Maven Central, each embedded in a small program in fixtures. Each listens on
// loopback, on its own ports, with its data in one folder.
//
// Beside them there are reverse proxies: nginx and HAProxy (Proxy).
//
// internal/interop/install installs what this needs on Debian.
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

	// Start starts the server, after building it if this machine never has. It
	// returns, within ctx, when every port accepts and the server is ready. On an
	// error nothing runs; the error holds the end of the server's console, and matches
	// *Missing if the server is not available on this machine.
	Start(ctx context.Context) error
	// Stop ends the server: SIGTERM, and SIGKILL when it still runs after 10 s. It
	// returns when no process is left.
	Stop()
	// Kill ends the server with SIGKILL, as a power cut would, and returns when no
	// process is left.
	Kill()

	// DeleteQueue deletes a queue as an operator does, even if it has subscribers. The
	// name is the server's: "a" for a client's "/queue/a".
	DeleteQueue(ctx context.Context, name string) error
}

// Missing says that a server is not available on this machine. errors.As finds it,
// as *Missing, in the errors of the New functions and of Start.
type Missing struct {
	What string // the server, program or library that is not there
	How  string // how to get it
	Err  error  // the failure that showed it; may be nil
}

func (m *Missing) Error() string {
	if m.Err == nil {
		return fmt.Sprintf("no %s: %s", m.What, m.How)
	}
	return fmt.Sprintf("no %s: %v (%s)", m.What, m.Err, m.How)
}

func (m *Missing) Unwrap() error { return m.Err }

// installs says how to get any missing program.
const installs = "on Debian, internal/interop/install installs it"
