// Rival has other people's clients do the same work as ours, and prints what a
// message costs each:
//
//	go run ./internal/bench/rival            # against one and the same peer, which costs next to nothing
//	go run ./internal/bench/rival -rabbitmq  # in and out over one topic of a RabbitMQ
//
// Beside ours there are @stomp/stompjs on Node, over WebSocket, and stomp.py,
// over TCP. Each client has a process of its own, for every piece of work a new
// one. A client that is not on this machine is left out, with a line that says
// why: internal/interop/install installs Node, npm, stomp.py and RabbitMQ on
// Debian, and npm gets stompjs the first time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/webstomp/webstomp/internal/bench/peer"
)

func main() {
	if task, asked := os.LookupEnv(taskVariable); asked {
		os.Exit(work(task))
	}
	rabbitMQ := flag.Bool("rabbitmq", false, "run against a RabbitMQ, which is started for it")
	messages := flag.Int("messages", 100_000, "messages of a piece of work; a tenth of it where they go one at a time")
	size := flag.Int("size", 256, "bytes of a body")
	rounds := flag.Int("rounds", 3, "how often each piece of work is done, in turns; the median counts")
	flag.Parse()
	if flag.NArg() > 0 || *messages < 10 || *size < peer.Smallest || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	measure := besidePeer
	if *rabbitMQ {
		measure = besideRabbitMQ
	}
	if err := run(ctx, measure, plan{*messages, *size, *rounds}); err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err)
		os.Exit(1)
	}
}

// run gathers the clients, has them measured, and prints the table.
func run(ctx context.Context, measure func(context.Context, []contender, plan) (*table, error), p plan) error {
	dir, err := os.MkdirTemp("", "webstomp-rival-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	clients, err := contenders(ctx, dir, func(reason error) { fmt.Fprintln(os.Stderr, "rival: left out:", reason) })
	if err != nil {
		return err
	}
	t, err := measure(ctx, clients, p)
	if err != nil {
		return err
	}
	fmt.Printf("%s/%s, %d CPUs, %s; against %s; %d messages, bodies of %d bytes, median of %d rounds.\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), t.server, p.messages, p.size, p.rounds)
	return t.write(os.Stdout)
}
