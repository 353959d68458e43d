package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/doctor"
)

const pingLong = `Connects, tells what the server says of itself, and leaves: the WebSocket's
subprotocol, the version of STOMP, the server's name, the heart-beats agreed, how
long connecting took (from the DNS lookup to CONNECTED), and whether and how fast
it answers a receipt, that of a BEGIN whose transaction is aborted.`

const pingExample = `  stompcat ping ws://localhost:15674/ws --login guest
  stompcat ping wss://broker.example/ws --json | jq .connect_ms`

func (a *app) pingCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ping [URL]", GroupID: "server",
		Short: "Tell what a server says of itself, and how fast it answers",
		Long:  pingLong, Example: pingExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              a.run(func(ctx context.Context, args []string) error { return a.ping(ctx, asJSON, args) }),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one object, its times in milliseconds")
	return cmd
}

// pong is what a server has said.
type pong struct {
	URL              string   `json:"url"`
	Subprotocol      string   `json:"subprotocol"`
	Version          string   `json:"version"`
	Server           string   `json:"server"`
	SessionID        string   `json:"session_id"`
	HeartBeatSend    float64  `json:"heart_beat_send_ms"`
	HeartBeatReceive float64  `json:"heart_beat_receive_ms"`
	Connect          float64  `json:"connect_ms"`
	Receipt          *float64 `json:"receipt_ms"` // null: none came
	Header           entries  `json:"header"`
}

func (a *app) ping(ctx context.Context, asJSON bool, args []string) error {
	url, rest, err := a.conn.takeURL(args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return &usageError{errors.New("ping takes a URL alone")}
	}
	start := time.Now()
	client, err := a.conn.connect(ctx, url)
	took := time.Since(start)
	if err != nil {
		return err
	}
	defer client.Close()
	receipt, answered, err := doctor.ProbeReceipt(ctx, client)
	if err != nil {
		return err
	}
	session := client.Status().Session
	if asJSON {
		err = writeJSON(a.env.Stdout, pongOf(session, took, receipt, answered))
	} else {
		err = a.writePong(session, took, receipt, answered)
	}
	bounded, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	return cmp.Or(outputFailure(err), client.Disconnect(bounded))
}

// outputFailure returns why writing failed, unless nobody reads any more.
func outputFailure(err error) error {
	if outputError(err) == errOutputClosed {
		return nil
	}
	return err
}

func pongOf(s stomp.Session, connect, receipt time.Duration, answered bool) pong {
	p := pong{
		URL: s.URL, Subprotocol: s.Subprotocol, Version: string(s.Version), Server: s.Server, SessionID: s.ID,
		HeartBeatSend: milliseconds(s.HeartBeatSend), HeartBeatReceive: milliseconds(s.HeartBeatReceive),
		Connect: milliseconds(connect), Header: entries(s.Header),
	}
	if answered {
		took := milliseconds(receipt)
		p.Receipt = &took
	}
	return p
}

// milliseconds returns d with microseconds behind the point.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (a *app) writePong(s stomp.Session, connect, receipt time.Duration, answered bool) error {
	style := a.styleFor(a.env.Stdout)
	subprotocol := s.Subprotocol
	switch {
	case isBare(s.URL):
		subprotocol = "none, it is no WebSocket"
	case subprotocol == "":
		subprotocol = "none chosen"
	}
	answer := "not answered within " + short(doctor.ReceiptPatience) + ": pub needs --no-receipt here"
	if answered {
		answer = "answered after " + short(receipt)
	}
	return writeTable(a.env.Stdout, style, [][2]string{
		{"url", s.URL},
		{"server", cmp.Or(s.Server, "it does not say")},
		{"STOMP", string(s.Version)},
		{"subprotocol", subprotocol},
		{"session", cmp.Or(s.ID, "it does not say")},
		{"heart-beats", beats(s)},
		{"connected", "after " + short(connect)},
		{"receipts", answer},
	})
}

// beats describes the heart-beats that were agreed.
func beats(s stomp.Session) string {
	one := func(d time.Duration, who string) string {
		if d == 0 {
			return "none " + who
		}
		return "every " + d.String() + " " + who
	}
	return one(s.HeartBeatReceive, "from the server") + ", " + one(s.HeartBeatSend, "promised by us")
}

// writeTable writes a line for each name and value, whose values stand under each other.
func writeTable(w io.Writer, s style, lines [][2]string) error {
	width := 0
	for _, line := range lines {
		width = max(width, len(line[0]))
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%s  %s\n", s.bold(fmt.Sprintf("%-*s", width, line[0])), oneLine(line[1]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
