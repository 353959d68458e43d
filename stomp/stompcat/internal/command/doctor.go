package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/doctor"
)

const doctorLong = `Follows the way of a connection step by step: URL, proxy, DNS, port, TLS,
WebSocket, STOMP, login, receipts, heart-beats. Where a step fails it tries the
usual mistakes, and tells what to change: another path or port of the same host,
/websocket for SockJS, TLS or none, STOMP over TCP, no proxy, the virtual host, a
passcode that the server unescapes.

It looks at the host of the URL alone, sends nothing to any destination, and logs
in twice at most. What is secret goes to the port of the URL alone, and not
without TLS where the URL has it. With 0 everything works as it was given; the
other statuses are those of connecting.`

const doctorExample = `  stompcat doctor ws://localhost:8080/ws
  stompcat doctor wss://broker.example/ws --login me --passcode-file ~/.passcode`

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor [URL]", GroupID: "server",
		Short: "Find out why a connection fails, and what to change",
		Long:  doctorLong, Example: doctorExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              a.run(func(ctx context.Context, args []string) error { return a.doctor(ctx, asJSON, args) }),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write an object a line: check, result (ok, note, failed), text, advice")
	return cmd
}

func (a *app) doctor(ctx context.Context, asJSON bool, args []string) error {
	url, rest, err := a.conn.takeURL(args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return &usageError{errors.New("doctor takes a URL alone")}
	}
	p, err := a.patient(url)
	if err != nil {
		return err
	}
	var output error
	p.Report = func(f doctor.Finding) {
		p.Trying("")
		f.Text, f.Advice = inConnectFlags(f.Text), inConnectFlags(f.Advice)
		if asJSON {
			output = cmp.Or(output, writeJSON(a.env.Stdout, f))
			return
		}
		output = cmp.Or(output, a.writeFinding(f))
	}
	err = doctor.Diagnose(ctx, p)
	var invalid *doctor.InvalidError
	switch {
	case errors.As(err, &invalid):
		return &quietError{&usageError{err}}
	case err != nil:
		return &quietError{err}
	}
	return outputFailure(output)
}

// patient returns the connection of the flags, ready to be examined.
func (a *app) patient(url string) (doctor.Patient, error) {
	config, err := a.conn.tls.config(a.conn.files)
	if err != nil {
		return doctor.Patient{}, &usageError{err}
	}
	login, passcode, err := a.conn.credentials()
	if err != nil {
		return doctor.Patient{}, &usageError{err}
	}
	if _, err := a.conn.options(url); err != nil {
		return doctor.Patient{}, err
	}
	return doctor.Patient{
		Trying: a.trying(),
		Check: func(url string) error {
			opts, err := a.conn.options(url)
			if err != nil {
				return err
			}
			return check(url, opts)
		},
		URL: url, Proxy: a.conn.proxy(), TLS: config, Timeout: a.conn.timeout,
		Login: login, Passcode: passcode, Host: a.conn.host, Versions: a.conn.versions,
		Token: a.conn.hasToken(), Entries: len(a.conn.header) > 0,
		Options: func(url string, with doctor.Secrets) []stomp.ConnectOption {
			c := a.conn
			c.secrets, c.wait, c.failover = with, false, nil
			if isBare(url) {
				c.split = 0
			}
			opts, _ := c.options(url) // checked above
			return opts
		},
	}, nil
}

// trying returns what shows on a terminal what is being tried, until it is told "".
func (a *app) trying() func(string) {
	if !isTerminal(a.env.Stderr) {
		return func(string) {}
	}
	return func(what string) {
		if what != "" {
			what = a.styleFor(a.env.Stderr).dim(visible(fmt.Sprintf("%.*s", max(columns(a.env.Stderr)-12, 0), "trying "+what)))
		}
		fmt.Fprintf(a.env.Stderr, "\r\x1b[K%s", what)
	}
}

// writeFinding writes a line for a check, and one below it for what to change.
func (a *app) writeFinding(f doctor.Finding) error {
	style := a.styleFor(a.env.Stdout)
	mark := map[doctor.Result]func(string) string{doctor.OK: style.green, doctor.Note: style.yellow, doctor.Failed: style.red}[f.Result]
	_, err := fmt.Fprintf(a.env.Stdout, "%s  %s  %s\n", mark(fmt.Sprintf("%-6s", f.Result)), style.bold(fmt.Sprintf("%-12s", f.Check)), oneLine(f.Text))
	if err == nil && f.Advice != "" {
		_, err = fmt.Fprintf(a.env.Stdout, "        %s\n", style.bold("→ "+oneLine(f.Advice)))
	}
	return err
}
