package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webstomp/webstomp/stomp"
)

// grace is how long the end of a command may take, once it is asked to end: for what has arrived, acknowledgements,
// receipts and DISCONNECT.
const grace = 5 * time.Second

// subFlags are those of sub.
type subFlags struct {
	form          formFlags
	ack, overflow string
	selector, id  string
	header        []string
	count, buffer int
	timeout       time.Duration
	resubscribe   bool
}

const subLong = `Subscribes to one or more destinations and writes the messages to standard output
until Ctrl-C, in the order of their arrival. A lost connection is replaced;
standard error says so, because messages may be missing then. A destination that
the broker refuses is told there, too, and the others go on.

On a terminal each message comes with its destination and header, and is written
at once. In a pipe or a file it is its body and a line feed, and written when
no more messages wait. When nobody reads standard output any more (head -1), sub
ends with 0.

Acknowledgements: with --ack client-individual or client a message is
acknowledged when it is written, and the broker keeps what is not. In the mode
auto it is done with a message once it has sent it: what has arrived and is not
written when sub is killed is lost. The default is auto; with --count it is
client-individual, so that what is beyond the count stays in its queue.`

const subExample = `  stompcat sub ws://localhost:15674/ws /topic/prices /topic/orders
  stompcat sub ws://localhost:15674/ws /queue/orders --count 1 --timeout 10s
  stompcat sub ws://localhost:15674/ws /topic/prices.# --overflow latest
  stompcat sub ws://localhost:15674/ws /queue/orders --json | jq -r '.header["message-id"]'
  stompcat sub ws://localhost:15674/ws /queue/journal --ack client-individual \
    --header x-queue-type=stream --header durable=true --header auto-delete=false \
    --header prefetch-count=100 --header x-stream-offset=first`

func (a *app) subCommand() *cobra.Command {
	var o subFlags
	cmd := &cobra.Command{
		Use: "sub [URL] DESTINATION...", Aliases: []string{"subscribe"}, GroupID: "messages",
		Short: "Write the messages of destinations to standard output",
		Long:  subLong, Example: subExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              a.run(func(ctx context.Context, args []string) error { return a.sub(ctx, o, args) }),
	}
	o.form.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.ack, "ack", "", "`MODE` of acknowledgement: auto, client, client-individual (see above)")
	f.IntVarP(&o.count, "count", "n", 0, "end after so many `MESSAGES`")
	f.DurationVar(&o.timeout, "timeout", 0, "end after `TIME`, with status 5 if --count is not reached")
	f.StringVar(&o.selector, "selector", "", "`EXPRESSION` by which ActiveMQ and Artemis filter (SQL 92)")
	f.StringArrayVarP(&o.header, "header", "H", nil, "further `NAME=VALUE` of SUBSCRIBE; repeatable")
	f.StringVar(&o.id, "id", "", "the subscription's `ID`, which durable ones need; for a single destination")
	f.StringVar(&o.overflow, "overflow", "block", "`POLICY` when messages come faster than they can be written: block (read no more), drop-oldest, drop-newest, latest (the newest of each destination), fail")
	f.IntVar(&o.buffer, "buffer", 0, "how many `MESSAGES` may wait to be written (default 65536, or 64 MiB)")
	f.BoolVar(&o.resubscribe, "resubscribe", false, "ask again for a destination that the broker refuses or cancels")
	offer(cmd, "ack", "auto", "client", "client-individual")
	offer(cmd, "overflow", policyNames...)
	return cmd
}

func (a *app) sub(ctx context.Context, o subFlags, args []string) error {
	url, destinations, err := a.conn.takeURL(args)
	switch {
	case err != nil:
		return err
	case len(destinations) == 0, slices.Contains(destinations, ""):
		return &usageError{errors.New("no destination: name one or more behind the URL, as in /topic/prices")}
	case o.id != "" && len(destinations) > 1:
		return &usageError{errors.New("--id is for a single destination")}
	case o.count < 0 || o.buffer < 0 || o.timeout < 0:
		return &usageError{errors.New("--count, --buffer and --timeout cannot be negative")}
	}
	policy, err := parseOverflow(o.overflow)
	if err != nil {
		return err
	}
	ack, err := o.ackMode(policy)
	if err != nil {
		return err
	}
	opts, err := o.options()
	if err != nil {
		return err
	}
	out := a.printer(o.form)
	client, err := a.conn.connect(ctx, url)
	if err != nil {
		return err
	}
	defer a.attend(client, true)()
	// Not ctx: its end would end the subscriptions at once. Drain ends them when what has arrived is written.
	life, end := context.WithCancel(context.Background())
	defer end()
	group, err := client.NewGroup(life, stomp.WithBuffer(o.buffer, 0, policy))
	if err != nil {
		return &usageError{err}
	}
	session := client.Status().Session
	if ack == stomp.AckClientIndividual && o.ack == "" && session.Version == stomp.V10 {
		ack = stomp.AckClient // 1.0 has no other
	}
	opts = append(opts, stomp.WithAck(ack))
	if o.count > 0 && strings.HasPrefix(session.Server, "RabbitMQ") && !o.hasHeader("prefetch-count") {
		// Else it sends all that it has, and what is beyond the count goes back marked as redelivered.
		opts = append(opts, stomp.WithHeader("prefetch-count", strconv.Itoa(min(o.count, 1000))))
	}
	for _, destination := range destinations {
		if _, err := group.Add(ctx, destination, opts...); err != nil {
			return asUsage(err)
		}
	}
	if isTerminal(a.env.Stderr) {
		a.tell("waiting for messages of %s; Ctrl-C ends it", strings.Join(destinations, " "))
	}
	c := consumer{
		app: a, client: client, group: group, messages: group.C, failed: group.Failed(), endGroup: end,
		out: out, acks: ack != stomp.AckAuto, asked: o.ack != "", limit: o.count, open: len(destinations),
	}
	return c.run(ctx, o.timeout)
}

func (o *subFlags) hasHeader(name string) bool {
	for _, entry := range o.header {
		if strings.HasPrefix(entry, name+"=") {
			return true
		}
	}
	return false
}

// ackMode returns the mode of --ack, or the default. The policies that drop go with auto alone.
func (o *subFlags) ackMode(policy stomp.Overflow) (stomp.AckMode, error) {
	drops := policy != stomp.OverflowBlock && policy != stomp.OverflowFail
	switch {
	case drops && o.ack != "" && o.ack != "auto":
		return 0, &usageError{fmt.Errorf("--overflow %s goes with --ack auto alone: what is dropped is never acknowledged", o.overflow)}
	case o.ack == "" && o.count > 0 && !drops, o.ack == "client-individual":
		return stomp.AckClientIndividual, nil
	case o.ack == "client":
		return stomp.AckClient, nil
	case o.ack == "", o.ack == "auto":
		return stomp.AckAuto, nil
	}
	return 0, &usageError{fmt.Errorf("--ack %s: it takes auto, client or client-individual", o.ack)}
}

// policyNames are the values of --overflow, in the order of stomp's constants.
var policyNames = []string{"block", "drop-oldest", "drop-newest", "fail", "latest"}

func parseOverflow(name string) (stomp.Overflow, error) {
	for i, known := range policyNames {
		if name == known {
			return stomp.Overflow(i), nil
		}
	}
	return 0, &usageError{fmt.Errorf("--overflow %s: it takes %s", name, strings.Join(policyNames, ", "))}
}

// options returns those of SUBSCRIBE that do not depend on the server.
func (o *subFlags) options() (opts []stomp.SubscribeOption, err error) {
	header, err := parseEntries("--header", o.header)
	if err != nil {
		return nil, err
	}
	for name, value := range header.All() {
		opts = append(opts, stomp.WithHeader(name, value))
	}
	if o.selector != "" {
		opts = append(opts, stomp.WithSelector(o.selector))
	}
	if o.id != "" {
		opts = append(opts, stomp.WithID(o.id))
	}
	if o.resubscribe {
		opts = append(opts, stomp.WithResubscribe(stomp.Backoff{}))
	}
	return opts, nil
}
