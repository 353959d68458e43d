package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Connect, subscribe, send, receive, leave. The embedded broker stands in for a real one.
func Example() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	messages, err := client.Subscribe(ctx, "/queue/greetings")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Send(ctx, "/queue/greetings", []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	for m := range messages {
		fmt.Printf("%s: %s\n", m.Destination(), m.Body)
		break
	}
	if err := client.Disconnect(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// /queue/greetings: hello
}

// The ctx bounds the dialling and the handshake, and has no say afterwards.
func ExampleConnect() {
	broker := stomptest.NewBroker(stomptest.WithLogin("guest", "secret"))
	defer broker.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithLogin("guest", "secret"), stomp.WithHost("/"))
	cancel()
	if err != nil {
		fmt.Println(err)
		return
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

// The ctx is the life of the subscription: its end closes the channel, and the loop is over.
func ExampleClient_Subscribe() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	client, err := stomp.Connect(context.Background(), broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	messages, err := client.Subscribe(ctx, "/topic/prices", stomp.WithReceipt()) // the broker has it now
	if err != nil {
		fmt.Println(err)
		return
	}
	broker.Publish("/topic/prices", nil, []byte("12.99"))
	for m := range messages {
		fmt.Printf("%s\n", m.Body)
		cancel()
	}
	fmt.Println("the Client's error:", client.Err())
	// Output:
	// 12.99
	// the Client's error: <nil>
}

// A Subscription tells why its channel was closed. Here somebody deleted the queue.
func ExampleClient_NewSubscription() {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	sub, err := client.NewSubscription(ctx, "/queue/prices", stomp.WithReceipt())
	if err != nil {
		fmt.Println(err)
		return
	}
	broker.Cancel("/queue/prices")
	for m := range sub.C {
		fmt.Printf("%s\n", m.Body)
	}
	var refused *stomp.Error
	if errors.As(sub.Err(), &refused) {
		fmt.Println(refused.Message)
	}
	fmt.Println("the Client's error:", client.Err())
	// Output:
	// Server cancelled subscription
	// the Client's error: <nil>
}

// With a receipt, Send returns when the broker has taken the message, or within ctx.
func ExampleClient_Send() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	err = client.Send(ctx, "/queue/orders", []byte("<order/>"), stomp.WithReceipt(),
		stomp.WithContentType("application/xml"), stomp.WithHeader("priority", "9"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("messages in the queue:", broker.QueueLen("/queue/orders"))
	// Output:
	// messages in the queue: 1
}

// Many receipts may be outstanding at once: send all, then look at the answers.
func ExampleClient_SendAsync() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	var receipts []*stomp.Receipt
	for i := range 1000 {
		r, err := client.SendAsync(ctx, "/queue/orders", strconv.AppendInt(nil, int64(i), 10))
		if err != nil {
			fmt.Println(err)
			return
		}
		receipts = append(receipts, r)
	}
	confirmed := 0
	for _, r := range receipts {
		if err := r.Wait(ctx); err != nil {
			fmt.Println(err)
			continue
		}
		confirmed++
	}
	fmt.Println("confirmed:", confirmed)
	// Output:
	// confirmed: 1000
}

// One client asks, another answers to the request's reply-to with its correlation-id.
func ExampleClient_Request() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	server, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	requests, err := server.Subscribe(ctx, "/queue/square")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { // ends with the server's channel
		for r := range requests {
			n, _ := strconv.Atoi(string(r.Body))
			err := server.Send(ctx, r.Header.Get("reply-to"), strconv.AppendInt(nil, int64(n*n), 10),
				stomp.WithHeader("correlation-id", r.Header.Get("correlation-id")))
			if err != nil {
				fmt.Println(err)
			}
		}
	}()

	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	reply, err := client.Request(ctx, "/queue/square", []byte("12"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", reply.Body)
	// Output:
	// 144
}

// In a client mode a message is the broker's until it is acknowledged; one that is refused comes again.
func ExampleClient_Ack() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.Publish("/queue/jobs", nil, []byte("paint the fence"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	jobs, err := client.Subscribe(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		fmt.Println(err)
		return
	}
	for job := range jobs {
		if job.Header.Get("redelivered") != "true" {
			fmt.Printf("%s: not today\n", job.Body)
			if err := client.Nack(ctx, job); err != nil {
				fmt.Println(err)
			}
			continue
		}
		fmt.Printf("%s: done\n", job.Body)
		if err := client.Ack(ctx, job, stomp.WithReceipt()); err != nil {
			fmt.Println(err)
		}
		break
	}
	// Output:
	// paint the fence: not today
	// paint the fence: done
}

// What is sent in a transaction takes effect at Commit, together or not at all.
func ExampleClient_Begin() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	tx, err := client.Begin(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Abort(ctx) // does nothing after Commit
	for _, account := range []string{"/queue/debit", "/queue/credit"} {
		if err := tx.Send(ctx, account, []byte("100")); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := tx.Commit(ctx, stomp.WithReceipt()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(broker.QueueLen("/queue/debit"), broker.QueueLen("/queue/credit"))
	// Output:
	// 1 1
}

// A service that shuts down: Drain lets the consumer finish what it was given, acks included, and leaves then.
func ExampleClient_Drain() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.Publish("/queue/jobs", nil, []byte("paint the fence"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	jobs, err := client.Subscribe(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		fmt.Println(err)
		return
	}

	stop, terminate := context.WithCancel(ctx) // in a service: signal.NotifyContext
	defer terminate()
	drained := make(chan error, 1)
	go func() { // joined by the receive below
		<-stop.Done()
		drained <- client.Drain(ctx)
	}()
	for job := range jobs {
		terminate()
		fmt.Printf("%s: done\n", job.Body)
		if err := client.Ack(ctx, job); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("drained:", <-drained)
	// Output:
	// paint the fence: done
	// drained: <nil>
}

// Bodies that are JSON come as Go values. One that does not decode is told in its place, and the loop goes on.
func ExampleSubscribeJSON() {
	type price struct {
		Symbol string
		Cents  int
	}
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	prices, err := stomp.SubscribeJSON[price](ctx, client, "/queue/prices")
	if err != nil {
		fmt.Println(err)
		return
	}
	broker.Publish("/queue/prices", nil, []byte("closed today"))
	if err := client.SendJSON(ctx, "/queue/prices", price{"ACME", 1299}); err != nil {
		fmt.Println(err)
		return
	}
	for p := range prices {
		if p.Err != nil {
			fmt.Printf("no price: %q\n", p.Body)
			continue
		}
		fmt.Printf("%s costs %d cents\n", p.Value.Symbol, p.Value.Cents)
		break
	}
	// Output:
	// no price: "closed today"
	// ACME costs 1299 cents
}

// Any decoder will do: it gets the whole frame, its header too.
func ExampleSubscribeAs() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.Publish("/queue/numbers", nil, []byte("42"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	number := func(f stomp.Frame) (int, error) { return strconv.Atoi(string(f.Body)) }
	sub, err := stomp.SubscribeAs(ctx, client, "/queue/numbers", number)
	if err != nil {
		fmt.Println(err)
		return
	}
	m := <-sub.C
	fmt.Println(m.Value+1, m.Err)
	// Output:
	// 43 <nil>
}

// Unsent answers the one question that an error leaves open: may the message go out twice if it is sent again? Here a
// SEND is lost together with its connection, and another one finds no connection any more.
func ExampleUnsent() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == "SEND" {
			return stomptest.CutAfter() // the broker takes it, and its RECEIPT never comes
		}
		return stomptest.Pass()
	})

	err = client.Send(ctx, "/queue/orders", []byte("one"), stomp.WithReceipt())
	fmt.Println("connection lost:", errors.Is(err, stomp.ErrConnectionLost), "- safe to send again:", stomp.Unsent(err))
	client.Close()
	err = client.Send(ctx, "/queue/orders", []byte("two"))
	fmt.Println("closed:", errors.Is(err, stomp.ErrClosed), "- safe to send again:", stomp.Unsent(err))
	// Output:
	// connection lost: true - safe to send again: false
	// closed: true - safe to send again: true
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
		fmt.Println(err)
		return
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
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.Status().State)
	// Output:
	// connected
}

// Watch follows what the Client is doing, for a health check or a log.
func ExampleClient_Watch() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		fmt.Println(err)
		return
	}

	for status := range client.Watch(ctx) {
		fmt.Println(status.State)
		if status.State == stomp.StateConnected {
			client.Close()
		}
	}
	// Output:
	// connected
	// closed
}

// A frame of one's own, as it looks on the wire.
func ExampleFrame_AppendTo() {
	f := stomp.NewFrame("SEND", stomp.Header{{"destination", "/queue/a"}, {"note", "12:30"}}, []byte("hello"))
	raw, err := f.AppendTo(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", raw)
	// Output:
	// "SEND\ndestination:/queue/a\nnote:12\\c30\ncontent-length:5\n\nhello\x00"
}

// A frame from a file or a test's table.
func ExampleParseFrame() {
	f, err := stomp.ParseFrame([]byte("MESSAGE\ndestination:/queue/a\nmessage-id:7\nnote:12\\c30\n\nhello\x00"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Destination(), f.MessageID(), f.Header.Get("note"), string(f.Body))
	// Output:
	// /queue/a 7 12:30 hello
}
