package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/webstomp/webstomp/stomp"
)

// benchFlags are those of bench.
type benchFlags struct {
	size, publishers, subscribers int
	count                         int64
	duration, timeout             time.Duration
	rate                          float64
	receipts, json                bool
}

const benchLong = `Sends messages to a destination and receives them, and tells how many per second
and how long they took from SEND to MESSAGE. Each publisher and each subscriber
has a connection of its own. Of a topic each subscriber gets every message, of a
queue one of them.

Without --rate the publishers send as fast as the broker takes it. Then messages
wait in queues, and the latency is mostly the length of those. For a latency that
means something, give a --rate below what the broker can carry: a message's time
then begins when it was due, even if its publisher fell behind.

With --receipts each publisher has up to 1,000 receipts under way, and the time
to a receipt is told as well.

What waits in a queue from before is read and not counted. Use a destination of
its own.`

const benchExample = `  stompcat bench ws://localhost:15674/ws /topic/bench --rate 2000
  stompcat bench ws://localhost:15674/ws /queue/bench --count 100000 --size 1024 --receipts
  stompcat bench ws://localhost:15674/ws /topic/bench --publishers 4 --subscribers 2 --duration 30s --json`

func (a *app) benchCommand() *cobra.Command {
	var o benchFlags
	cmd := &cobra.Command{
		Use: "bench [URL] DESTINATION", GroupID: "server",
		Short: "Measure messages per second, and their latency",
		Long:  benchLong, Example: benchExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              a.run(func(ctx context.Context, args []string) error { return a.bench(ctx, o, args) }),
	}
	f := cmd.Flags()
	f.IntVar(&o.size, "size", 256, fmt.Sprintf("`BYTES` of a body, %d at least", minSize))
	f.IntVar(&o.publishers, "publishers", 1, "how many `CONNECTIONS` send")
	f.IntVar(&o.subscribers, "subscribers", 1, "how many `CONNECTIONS` receive")
	f.Int64VarP(&o.count, "count", "n", 0, "end after so many `MESSAGES`, of all publishers together")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long to send, `TIME`; with --count no limit unless it is given")
	f.Float64Var(&o.rate, "rate", 0, "`MESSAGES` per second, of all publishers together (default as many as go)")
	f.BoolVar(&o.receipts, "receipts", false, "ask for a receipt of each message")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "how long to wait for what is missing at the end, `TIME` without any message")
	f.BoolVar(&o.json, "json", false, "write one object, its times in milliseconds")
	limit := cmd.Flags().Lookup("duration")
	cmd.PreRun = func(*cobra.Command, []string) {
		if o.count > 0 && !limit.Changed {
			o.duration = 0
		}
	}
	return cmd
}

func (o benchFlags) check() error {
	switch {
	case o.size < minSize:
		return fmt.Errorf("--size %d: a body has %d bytes at least, which hold its time", o.size, minSize)
	case o.publishers < 1, o.subscribers < 1:
		return errors.New("--publishers and --subscribers have to be above 0")
	case o.count < 0, o.duration < 0, o.rate < 0:
		return errors.New("--count, --duration and --rate cannot be negative")
	case math.IsNaN(o.rate), math.IsInf(o.rate, 0):
		return fmt.Errorf("--rate %v: it takes a number", o.rate)
	case o.count == 0 && o.duration == 0:
		return errors.New("--duration 0 needs --count")
	case o.timeout <= 0:
		return errors.New("--timeout has to be above 0")
	}
	return nil
}

func (a *app) bench(ctx context.Context, o benchFlags, args []string) error {
	url, destination, rest, err := a.takeDestination(args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return &usageError{errors.New("bench takes a URL and one destination")}
	}
	if err := o.check(); err != nil {
		return &usageError{err}
	}
	b := newBench(o, destination)
	defer b.close()
	if err := b.connect(ctx, func() (*stomp.Client, error) { return a.conn.connect(ctx, url) }); err != nil {
		return err
	}
	stopProgress := a.progress(b)
	err = b.run(ctx)
	stopProgress()
	result := b.result()
	if o.json {
		return errors.Join(err, outputFailure(writeJSON(a.env.Stdout, result)))
	}
	return errors.Join(err, outputFailure(a.writeResult(result)))
}
