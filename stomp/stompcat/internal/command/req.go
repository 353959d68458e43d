package command

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// reqFlags are those of req.
type reqFlags struct {
	send    sendFlags
	form    formFlags
	file    string
	timeout time.Duration
}

const reqLong = `Sends one message with reply-to and correlation-id, and writes the reply that
comes with the same correlation-id, as sub writes a message. The body is the
argument, --file, or else all of standard input.

The reply comes to a temporary queue. Spring's simple broker has none: there
--reply-to names a destination, such as /queue/replies-of-me.`

const reqExample = `  stompcat req ws://localhost:15674/ws /queue/quotes '{"symbol":"ACME"}' --timeout 2s
  date | stompcat req ws://localhost:15674/ws /queue/echo --json`

func (a *app) reqCommand() *cobra.Command {
	var o reqFlags
	cmd := &cobra.Command{
		Use: "req [URL] DESTINATION [BODY]", Aliases: []string{"request"}, GroupID: "messages",
		Short: "Send a request and write its reply",
		Long:  reqLong, Example: reqExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              a.run(func(ctx context.Context, args []string) error { return a.req(ctx, o, args) }),
	}
	o.send.addFlags(cmd.Flags())
	o.form.addFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "`FILE` whose contents are the request; -: standard input")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for the reply, `TIME`; then the status is 5")
	return cmd
}

func (a *app) req(ctx context.Context, o reqFlags, args []string) error {
	url, destination, args, err := a.takeDestination(args)
	if err != nil {
		return err
	}
	if o.timeout <= 0 {
		return &usageError{errors.New("--timeout has to be above 0")}
	}
	body, err := a.request(ctx, o, args)
	if err != nil {
		return err
	}
	text, binary, err := o.send.options()
	if err != nil {
		return err
	}
	out := a.printer(o.form)
	client, err := a.conn.connect(ctx, url)
	if err != nil {
		return err
	}
	defer client.Close()
	p := publisher{client: client, text: text, binary: binary, timeout: grace}
	bounded, cancel := within(ctx, o.timeout)
	defer cancel()
	reply, err := client.Request(bounded, destination, body, p.options(body)...)
	if err = asUsage(err); err == nil {
		err = out.print(reply)
	}
	if err == nil {
		err = out.flush()
	}
	if errors.Is(err, errOutputClosed) {
		err = nil
	}
	return p.finish(ctx, err)
}

// request returns the body of the request.
func (a *app) request(ctx context.Context, o reqFlags, args []string) ([]byte, error) {
	files := []string{}
	switch {
	case len(args) > 1 || len(args) == 1 && o.file != "":
		return nil, &usageError{errors.New("a request has one body")}
	case len(args) == 1 && args[0] != "-":
	case o.file == "":
		args, files = nil, []string{"-"}
	default:
		files = []string{o.file}
	}
	source, err := a.source(pubFlags{files: files, delimiter: "\n"}, args)
	if err != nil {
		return nil, err
	}
	for body, err := range source(ctx) {
		return body, err
	}
	return nil, context.Cause(ctx)
}
