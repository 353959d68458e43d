package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// recipe is what a broker can do about orders that fail.
type recipe struct {
	// work are the entries of each SUBSCRIBE and SEND to the work queue, which both
	// declare it.
	work []stomp.HeaderOption
	// later says where to send an order that is to come to the work queue after a delay,
	// and with which entries.
	later func(delay time.Duration) (destination string, entries []stomp.HeaderOption)
	// dead is the dead letter queue. nackBuries: the broker moves there what is NACKed.
	dead       string
	nackBuries bool
}

// recipeFor returns the recipe for the server of CONNECTED.
func recipeFor(server string) (recipe, error) {
	switch name, _, _ := strings.Cut(server, "/"); name {
	case "RabbitMQ":
		return recipe{
			// A quorum queue also gives up an order whose worker has died with it 20 times. That
			// limit is its default; another one takes a policy.
			work: entries("x-queue-type", "quorum", "durable", "true", "auto-delete", "false",
				"x-dead-letter-exchange", "", "x-dead-letter-routing-key", "bar.dead"),
			later:      retryQueue,
			dead:       "/queue/bar.dead",
			nackBuries: true,
		}, nil
	case "ActiveMQ":
		// Its dead letter queue takes persistent messages only. An order whose worker dies
		// with it comes again without end.
		return recipe{later: scheduled, dead: "/queue/ActiveMQ.DLQ", nackBuries: true}, nil
	case "ActiveMQ-Artemis":
		// NACK drops the order. For orders whose worker has died with them, the address has
		// max-delivery-attempts, redelivery-delay and dead-letter-address, which the server's
		// administrator sets.
		return recipe{later: scheduled, dead: "/queue/bar.dead"}, nil
	case "":
		return recipe{}, errors.New("this server does not say what it is: it may be Spring's simple broker, which has no acknowledgements")
	default:
		return recipe{later: atOnce, dead: "/queue/bar.dead"}, nil
	}
}

// retryQueue is RabbitMQ's way: nobody reads that queue; a message that has waited for
// its time to live there is dead, and dead letters go to the work queue. There is one
// queue for each delay, because only the message at its head expires.
func retryQueue(delay time.Duration) (string, []stomp.HeaderOption) {
	return fmt.Sprintf("/queue/bar.retry.%v", delay),
		entries("x-message-ttl", strconv.FormatInt(delay.Milliseconds(), 10),
			"x-dead-letter-exchange", "", "x-dead-letter-routing-key", "bar")
}

// scheduled is ActiveMQ's way. Classic needs schedulerSupport="true" in its
// configuration, and ignores the entry without.
func scheduled(delay time.Duration) (string, []stomp.HeaderOption) {
	return workQueue, entries("AMQ_SCHEDULED_DELAY", strconv.FormatInt(delay.Milliseconds(), 10))
}

// atOnce is for other brokers: the worker waits.
func atOnce(time.Duration) (string, []stomp.HeaderOption) { return workQueue, nil }

// sending are the options of a SEND to the work queue.
func (r recipe) sending(more ...stomp.SendOption) []stomp.SendOption {
	return sendOptions(r.work, append(more, stomp.WithPersistent())...)
}

// subscribing are the options of a SUBSCRIBE to the work queue.
func (r recipe) subscribing(more ...stomp.SubscribeOption) []stomp.SubscribeOption {
	for _, entry := range r.work {
		more = append(more, entry)
	}
	return more
}

func sendOptions(entries []stomp.HeaderOption, more ...stomp.SendOption) []stomp.SendOption {
	for _, entry := range entries {
		more = append(more, entry)
	}
	return more
}

// entries makes header entries of name, value, name, value…
func entries(pairs ...string) (opts []stomp.HeaderOption) {
	for i := 0; i < len(pairs); i += 2 {
		opts = append(opts, stomp.WithHeader(pairs[i], pairs[i+1]))
	}
	return opts
}
