package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// The ctx bounds the dialling and the handshake, and has no say afterwards.
func ExampleConnect() {
	broker := stomptest.NewBroker(stomptest.WithLogin("guest", "secret"))
	defer broker.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithLogin("guest", "secret"), stomp.WithHost("/"))
	cancel()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	session := client.Status().Session
	fmt.Printf("STOMP %s, the server's heart-beat every %v\n", session.Version, session.HeartBeatReceive)
	// Output:
	// STOMP 1.2, the server's heart-beat every 10s
}

// A refusal says at which HTTP status, and whether another try makes sense.
func ExampleConnectError() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.RefuseHandshakes(503, "back in a minute")

	_, err := stomp.Connect(context.Background(), broker.URL())
	var failed *stomp.ConnectError
	if errors.As(err, &failed) {
		fmt.Printf("HTTP status %d, %q, permanent: %t\n", failed.StatusCode, failed.Body, failed.Permanent())
	}
	// Output:
	// HTTP status 503, "back in a minute", permanent: false
}

// STOMP over whatever carries bytes both ways: here a TCP connection of one's own making.
func ExampleWithDialer() {
	broker := stomptest.NewBroker(stomptest.WithTCP())
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, broker.TCPURL(), stomp.WithDialer(func(ctx context.Context, rawURL string) (net.Conn, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", u.Host)
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Send(ctx, "/queue/a", []byte("hello"), stomp.WithReceipt()))
	// Output:
	// <nil>
}

// Credentials that expire are asked for before every attempt to connect.
func ExampleWithCredentials() {
	broker := stomptest.NewBroker(stomptest.WithLogin("service", "token-1"))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithCredentials(func(ctx context.Context) (login, passcode string, err error) {
		return "service", "token-1", nil // from a vault, within ctx
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Status().State)
	// Output:
	// connected
}

// Before each attempt to connect, the function may change what is about to be sent: here a token that is new each time.
func ExampleWithBeforeConnect() {
	ok := func(r *http.Request) int { // the broker's side: the HTTP status to refuse with, or 0
		fmt.Println("the broker sees", r.Header.Get("Authorization"))
		return 0
	}
	broker := stomptest.NewBroker(stomptest.WithHTTPAuth(ok))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	tokens := 0
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithBeforeConnect(func(ctx context.Context, a *stomp.Attempt) error {
		tokens++ // in a service: ask for one, within ctx
		a.HTTPHeader.Set("Authorization", fmt.Sprintf("Bearer token-%d", tokens))
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Reconnect(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// the broker sees Bearer token-1
	// the broker sees Bearer token-2
}

// The first endpoint does not answer, and the next one is asked at once.
func ExampleWithFailover() {
	first, second := stomptest.NewBroker(), stomptest.NewBroker()
	first.Close()
	defer second.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, first.URL(), stomp.WithFailover(second.URL()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println("at the second:", client.Status().Session.URL == second.URL())
	// Output:
	// at the second: true
}
