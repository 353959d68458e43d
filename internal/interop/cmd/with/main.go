// With runs a command while a real broker runs: {ws} and {tcp} in its arguments
// become the broker's URLs. When the command ends, With stops the broker and exits
// with the command's status. Ctrl-C ends both. The command has no standard input.
//
//	go run ./internal/interop/cmd/with rabbitmq -- go run ./examples/quickstart -url {ws} -login guest -passcode guest
//
// Brokers: rabbitmq, artemis, classic, spring (the simple broker), relay (Spring in
// front of RabbitMQ), vertx, openmq; and of some another version: rabbitmq-4.3,
// rabbitmq-3.10, artemis-2.44, classic-5.18, classic-6.3 (TCP alone), spring-jetty,
// spring-3.5. A plain name is RabbitMQ 4.0, and of all others the newest that has a
// WebSocket. internal/interop/install installs what they need.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker/group"
)

const usage = "usage: with rabbitmq|artemis|classic|spring|relay|vertx|openmq -- command [argument…]; {ws} and {tcp} become URLs"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
	}
	os.Exit(status)
}

// run returns the command's status; if there is none, an error and a status other
// than 0.
func run(ctx context.Context, args []string) (status int, err error) {
	if len(args) < 3 || args[1] != "--" {
		return 2, errors.New(usage)
	}
	dir, err := os.MkdirTemp("", "webstomp-with-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	servers, err := prepare(args[0], dir)
	if err != nil {
		return 1, err
	}
	command, err := servers.fill(args[2:])
	if err != nil {
		return 2, err
	}
	defer servers.stop()
	if err := servers.start(ctx); err != nil {
		return 1, err
	}
	return execute(ctx, command)
}

// grace is how long the command may take to end after Ctrl-C.
const grace = 10 * time.Second

// execute runs command until it ends. When ctx ends, it asks the command to end and
// kills it after grace.
func execute(ctx context.Context, command []string) (status int, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	running, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- group.Run(cmd, func() { close(running) }) }() // joined below
	select {
	case err = <-ended:
	case <-ctx.Done():
		select {
		case <-running:
			err = end(cmd, ended)
		case err = <-ended:
		}
	}
	if cmd.ProcessState == nil {
		return 127, fmt.Errorf("running %s: %w", strings.Join(command, " "), err)
	}
	if status = cmd.ProcessState.ExitCode(); status < 0 { // a signal ended it
		return 1, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return status, nil
}

// end asks a running command to end, and waits until it has.
func end(cmd *exec.Cmd, ended <-chan error) error {
	group.Interrupt(cmd)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		group.Kill(cmd)
		return <-ended
	}
}
