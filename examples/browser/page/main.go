//go:build js

// The program of the page: a client of STOMP in a browser.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"syscall/js"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

const (
	fromPage = "/topic/browser.questions"
	toPage   = "/topic/browser.answers"
)

func main() {
	p := newPage()
	if err := run(context.Background(), p); err != nil {
		p.failed(err)
	}
}

// run connects, and shows what comes until the Client ends.
func run(ctx context.Context, p *page) error {
	var to struct {
		URL, Login, Passcode string
		Embedded             bool
	}
	if err := get("/broker", &to); err != nil {
		return err
	}
	p.target(to.URL, to.Embedded)
	opts := []stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Min: time.Second, Max: 5 * time.Second})}
	if to.Login != "" {
		opts = append(opts, stomp.WithLogin(to.Login, to.Passcode))
	}
	client, err := stomp.Connect(ctx, to.URL, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	answers, err := client.NewSubscription(ctx, toPage)
	if err != nil {
		return err
	}
	statuses := client.Watch(ctx)
	for {
		select {
		case m, ok := <-answers.C:
			if !ok {
				return cmp.Or(answers.Err(), client.Err())
			}
			p.received(m)
		case s, ok := <-statuses:
			if !ok {
				statuses = nil // the Client has ended: answers.C closes as well
				continue
			}
			p.status(s)
		case text := <-p.said:
			go func() { // a Send waits for the next session in an outage; it ends with the page
				if err := client.Send(ctx, fromPage, []byte(text)); err != nil {
					p.note("not sent: " + err.Error())
				}
			}()
		case <-p.cut:
			go func() { // the page can be used meanwhile
				if err := post("/cut"); err != nil {
					p.note(err.Error())
				}
			}()
		}
	}
}

// get asks the server of the page; net/http is the browser's fetch here.
func get(path string, into any) error {
	resp, err := http.Get(origin() + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

func post(path string) error {
	resp, err := http.Post(origin()+path, "", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func origin() string { return js.Global().Get("location").Get("origin").String() }
