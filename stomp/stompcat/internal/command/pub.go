package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/doctor"
)

// sendFlags are those of one SEND.
type sendFlags struct {
	header               []string
	contentType, replyTo string
	persistent, noLength bool
}

func (o *sendFlags) addFlags(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.header, "header", "H", nil, "further `NAME=VALUE` of SEND; repeatable")
	f.StringVar(&o.contentType, "content-type", "", "`TYPE` of the bodies (default text/plain, or application/octet-stream if it is not UTF-8); none: no header")
	f.StringVar(&o.replyTo, "reply-to", "", "`DESTINATION` for replies")
	f.BoolVar(&o.persistent, "persistent", false, "the broker keeps the messages across a restart, in a durable queue")
	f.BoolVar(&o.noLength, "no-content-length", false, "ActiveMQ makes it a TextMessage then, not a BytesMessage")
}

// options returns the flags as options, for bodies that are UTF-8 and for others.
func (o *sendFlags) options() (text, binary []stomp.SendOption, err error) {
	header, err := parseEntries("--header", o.header)
	if err != nil {
		return nil, nil, err
	}
	var opts []stomp.SendOption
	for name, value := range header.All() {
		opts = append(opts, stomp.WithHeader(name, value))
	}
	if o.replyTo != "" {
		opts = append(opts, stomp.WithReplyTo(o.replyTo))
	}
	if o.persistent {
		opts = append(opts, stomp.WithPersistent())
	}
	if o.noLength {
		opts = append(opts, stomp.WithoutContentLength())
	}
	switch o.contentType {
	case "":
		return opts, append(opts[:len(opts):len(opts)], stomp.WithContentType("application/octet-stream")), nil
	case "none":
		opts = append(opts, stomp.WithContentType(""))
	default:
		opts = append(opts, stomp.WithContentType(o.contentType))
	}
	return opts, opts, nil
}

// pubFlags are those of pub.
type pubFlags struct {
	send             sendFlags
	files            []string
	delimiter        delimiter
	noReceipt, retry bool
	timeout          time.Duration
}

const pubLong = `Sends messages to a destination: each argument behind it is one, and so is each
--file, as it is. Without either, or for the argument -, it is each line of
standard input, byte for byte without its line feed; an empty line is an empty
message.

Each SEND asks for a receipt, and pub ends with 0 when the broker has confirmed
all of them; thousands are under way at a time. When one is refused or its
receipt does not come, pub sends no more, and tells how many are confirmed. With
--retry it sends a message again until it is confirmed, across reconnects, for
--timeout at most: the broker may get it more than once.

Spring's simple broker confirms nothing: use --no-receipt there. Then 0 means that
the server has read everything.`

const pubExample = `  stompcat pub ws://localhost:15674/ws /queue/orders '{"id":1}' --content-type application/json --persistent
  stompcat pub ws://localhost:15674/ws /topic/pictures --file cat.png --content-type image/png
  tail -f app.log | stompcat pub ws://localhost:15674/ws /topic/log
  stompcat pub ws://localhost:8080/ws/websocket /topic/greetings hello --no-receipt`

func (a *app) pubCommand() *cobra.Command {
	var o pubFlags
	cmd := &cobra.Command{
		Use: "pub [URL] DESTINATION [BODY...]", Aliases: []string{"publish", "send"}, GroupID: "messages",
		Short: "Send messages: arguments, files, or lines of standard input",
		Long:  pubLong, Example: pubExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              a.run(func(ctx context.Context, args []string) error { return a.pub(ctx, o, args) }),
	}
	o.send.addFlags(cmd.Flags())
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "file", "f", nil, "`FILE` whose contents are a message; -: all of standard input; repeatable")
	o.delimiter = "\n"
	f.VarP(&o.delimiter, "delimiter", "d", `what ends a message on standard input: \n, \t, \0 or any other `+"`TEXT`")
	f.BoolVar(&o.noReceipt, "no-receipt", false, "ask for no receipts")
	f.BoolVar(&o.retry, "retry", false, "send again until the broker confirms it, at least once")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for a receipt, `TIME`")
	cmd.MarkFlagsMutuallyExclusive("no-receipt", "retry")
	return cmd
}

func (a *app) pub(ctx context.Context, o pubFlags, args []string) error {
	url, destination, args, err := a.takeDestination(args)
	if err != nil {
		return err
	}
	if o.timeout <= 0 {
		return &usageError{errors.New("--timeout has to be above 0")}
	}
	text, binary, err := o.send.options()
	if err != nil {
		return err
	}
	source, err := a.source(o, args)
	if err != nil {
		return err
	}
	client, err := a.conn.connect(ctx, url)
	if err != nil {
		return err
	}
	defer a.attend(client, o.noReceipt)()
	p := publisher{client: client, destination: destination, text: text, binary: binary, retry: o.retry, timeout: o.timeout}
	if o.retry {
		p.text, p.binary = append(slices.Clip(p.text), stomp.WithRetry()), append(slices.Clip(p.binary), stomp.WithRetry())
	}
	if o.noReceipt {
		err = p.unconfirmed(ctx, source)
	} else {
		err = p.confirmed(ctx, source)
	}
	var interrupted *interruptedError
	switch {
	case errors.As(err, &interrupted) && p.unknown > 0:
		a.tell("%v (%s)", interrupted, p.told())
	case err == nil && isTerminal(a.env.Stderr):
		a.tell("%s", p.summary())
	}
	return err
}

// publisher sends what a source gives.
type publisher struct {
	client       *stomp.Client
	destination  string
	text, binary []stomp.SendOption
	retry        bool
	timeout      time.Duration // of a receipt

	sent int64
	ledger
}

func (p *publisher) options(body []byte) []stomp.SendOption {
	if utf8.Valid(body) {
		return p.text
	}
	return p.binary
}

// sending returns what a SEND has failed with: the first one may be the command line's fault.
func (p *publisher) sending(err error) error {
	if p.sent == 0 {
		return asUsage(err)
	}
	return err
}

func (p *publisher) summary() string {
	server := p.client.Status().Session.Server
	if server != "" {
		server = " by " + server
	}
	if p.sent > 0 && p.acknowledged == 0 {
		return plural(p.sent, "message") + " read" + server
	}
	return plural(p.acknowledged, "message") + " confirmed" + server
}

// unconfirmed sends without receipts; finish finds out whether the server has read all.
func (p *publisher) unconfirmed(ctx context.Context, source source) error {
	for body, err := range source(ctx) {
		if err != nil {
			return p.finish(ctx, err)
		}
		if err := p.client.Send(ctx, p.destination, body, p.options(body)...); err != nil {
			return p.finish(ctx, p.sending(err))
		}
		p.sent++
	}
	return p.finish(ctx, context.Cause(ctx))
}

// finish disconnects, and returns err or what has failed with.
func (p *publisher) finish(ctx context.Context, err error) error {
	limit := p.timeout
	settled := p.acknowledged == p.sent // nothing depends on what the server says now
	if settled || err != nil || ctx.Err() != nil {
		limit = min(limit, grace)
	}
	bounded, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	read := false
	if !settled && err == nil && strings.HasPrefix(p.client.Status().Session.Server, "RabbitMQ/") {
		_, read, _ = doctor.ProbeReceipt(bounded, p.client) // some versions close a WebSocket without an answer to DISCONNECT
	}
	ending := p.client.Disconnect(bounded)
	switch {
	case err != nil || settled:
		return err
	case ending != nil:
		return fmt.Errorf("the server may not have read everything: %w", ending)
	}
	return p.unread(read)
}

// unread returns what tells, after the end, that some of what was sent without a receipt may be missing. read: the server
// has said already that it has read all.
func (p *publisher) unread(read bool) error {
	all := plural(p.sent, "message")
	switch stats := p.client.Stats(); {
	case stats.Errors > 0:
		return &unnamedError{fmt.Sprintf("the server answered with an ERROR: of %s some may be refused; -vv shows it, and without --no-receipt it is known which", all)}
	case stats.Sessions > 1:
		return fmt.Errorf("%w meanwhile: of %s some may be missing", stomp.ErrConnectionLost, all)
	case !read && stats.FramesReceived == 0:
		return fmt.Errorf("%w: the server has not said that it has read all: of %s some may be missing", stomp.ErrConnectionLost, all)
	}
	return nil
}
