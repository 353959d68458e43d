package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// What the page and this program say to each other. RabbitMQ, ActiveMQ and Spring know such destinations.
const (
	fromPage = "/topic/browser.questions"
	toPage   = "/topic/browser.answers"
)

// answer is this program's side of the conversation: it says what time it is every second, and what the page says in
// capital letters.
func answer(ctx context.Context, client *stomp.Client) error {
	questions, err := client.NewSubscription(ctx, fromPage)
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var text []byte
		select {
		case q, ok := <-questions.C:
			if !ok {
				return cmp.Or(questions.Err(), client.Err())
			}
			text = bytes.ToUpper(q.Body)
		case now := <-tick.C:
			text = fmt.Appendf(nil, "it is %s", now.Format(time.TimeOnly))
		}
		if err := client.Send(ctx, toPage, text); err != nil {
			return err
		}
	}
}
