// Browser serves a page in which the client runs, as WebAssembly. The page and this program send each other messages
// through the embedded broker, or, with -url, through a real one, which has to accept the page's origin. A button cuts
// the connection, and the page shows what the client makes of it.
//
//	go run ./examples/browser
//	go run ./examples/browser -url ws://127.0.0.1:15674/ws -login guest -passcode guest
//
// The page is given login and passcode, as is everybody who can load it: use them for a trial on your own machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve the page; port 0 for any that is free")
	to := brokerflag.Define() // -url, -login and -passcode
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, broker{Broker: to}); err != nil {
		log.Fatal(err)
	}
}

// broker is what the page connects to.
type broker struct {
	*brokerflag.Broker
	Embedded bool // its connections can be cut
}

// run serves the page until ctx ends.
func run(ctx context.Context, addr string, to broker) error {
	cut := http.NotFound
	if to.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		to.URL, to.Embedded = embedded.URL(), true
		cut = func(http.ResponseWriter, *http.Request) { embedded.Cut() }
	}
	client, err := stomp.Connect(ctx, to.URL, to.Options()...)
	if err != nil {
		return err
	}
	defer client.Close()
	program, err := build(ctx)
	if err != nil {
		return err
	}

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: pages(program, to, cut)}
	serving := make(chan error, 2)
	go func() { serving <- server.Serve(listener) }() // both end with run: see below
	go func() { serving <- answer(ctx, client) }()
	fmt.Printf("the page is at http://%s\n", listener.Addr())
	err = <-serving
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, server.Close(), client.Close())
}
