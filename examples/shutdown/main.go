// Shutdown is a worker with an HTTP server beside it, as a service in Kubernetes: on
// SIGTERM it is not ready any more, takes no further job, finishes those that it has
// within a deadline, and exits with 0. A second signal ends it at once. What it has not
// acknowledged by then the broker delivers to another worker.
//
//	go run ./examples/shutdown
//	go run ./examples/shutdown -url ws://127.0.0.1:15674/ws -login guest -passcode guest -http :8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const queue = "/queue/tasks"

// config is what the flags say.
type config struct {
	http    string        // where /healthz and /readyz are
	connect time.Duration // for the first session
	grace   time.Duration // for what is under way after SIGTERM; less than terminationGracePeriodSeconds, which is 30 s by default
	job     time.Duration // that a job takes
}

func main() {
	broker := brokerflag.Define()
	var cfg config
	flag.StringVar(&cfg.http, "http", "127.0.0.1:0", "where the HTTP server listens")
	flag.DurationVar(&cfg.connect, "connect", 15*time.Second, "for the first session")
	flag.DurationVar(&cfg.grace, "grace", 20*time.Second, "for the jobs that are under way at SIGTERM")
	flag.DurationVar(&cfg.job, "job", 500*time.Millisecond, "that a job takes")
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		for i := range 10 {
			embedded.Publish(queue, nil, fmt.Appendf(nil, "job %d", i+1))
		}
		broker.URL = embedded.URL()
	}
	if err := run(context.Background(), os.Stdout, cfg, broker.URL, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// run serves until a signal comes, ctx ends, or something fails.
func run(ctx context.Context, out io.Writer, cfg config, url string, opts ...stomp.ConnectOption) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", cfg.http)
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Fprintf(out, "http://%s/readyz\n", listener.Addr())
	// If the broker is not there, or is silent, the program fails, and Kubernetes starts it
	// again later. WithInitialRetry would wait for it here.
	connecting, cancel := context.WithTimeout(ctx, cfg.connect) // does nothing to the Client once there is one
	defer cancel()
	client, err := stomp.Connect(connecting, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	jobs, err := client.NewSubscription(context.WithoutCancel(ctx), queue, // Drain ends it, not ctx
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "2"))
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	working, abandon := context.WithCancel(context.WithoutCancel(ctx)) // ends when the grace is over, not before
	defer abandon()
	server := &http.Server{Handler: probes(ctx, client), ReadHeaderTimeout: 5 * time.Second}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		for job := range jobs.C {
			if err := work(working, out, job, cfg.job); err != nil {
				log.Printf("%s: %v", job.Body, err) // its session is over, or about to be: then the broker delivers it again
			}
		}
		return jobs.Err() // nil after Drain
	})
	group.Go(func() error {
		<-ctx.Done() // a signal, or a failure of the others
		stop()       // a second signal ends the process, as it does by default
		fmt.Fprintln(out, "draining")
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.grace)
		defer cancel()
		err := client.Drain(grace)
		abandon()
		// The server last: it says that the service is alive, and not ready.
		return errors.Join(err, server.Shutdown(grace))
	})
	err = group.Wait()
	fmt.Fprintln(out, "stopped")
	return err
}

// work does a job, and acknowledges it. A job that it does not acknowledge is delivered
// again, maybe to another worker, when the session has ended: jobs have to bear that. One
// that fails has to be done again here, or refused: Drain waits for each until it is settled.
func work(ctx context.Context, out io.Writer, job stomp.Frame, takes time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	fmt.Fprintf(out, "%s: begun\n", job.Body)
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := job.Ack(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: done\n", job.Body)
	return nil
}

// probes answers Kubernetes: /healthz while the client lives, /readyz while it is
// connected and ctx has not ended.
func probes(ctx context.Context, client *stomp.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := client.Err(); err != nil && ctx.Err() == nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if status := client.Status(); ctx.Err() != nil || status.State != stomp.StateConnected {
			http.Error(w, fmt.Sprint("not ready: ", status.State), http.StatusServiceUnavailable)
		}
	})
	return mux
}
