package rig

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp"
)

// Connected12 is the CONNECTED of a server that has nothing to say beyond its version.
const Connected12 = "CONNECTED\nversion:1.2\n\n\x00"

// Peer is the server's end of a connection, played by the test.
type Peer struct {
	Conn net.Conn // nil on a WebSocket
	Web  *ws.Conn // nil elsewhere

	t   testing.TB
	r   *bufio.Reader
	w   io.Writer
	dec *wire.Decoder
	enc wire.Encoder
}

func newPeer(t testing.TB, nc net.Conn) *Peer { return streamPeer(t, &Peer{Conn: nc}, nc) }

func newWebPeer(t testing.TB, c *ws.Conn) *Peer { return streamPeer(t, &Peer{Web: c}, &messages{c: c}) }

func streamPeer(t testing.TB, p *Peer, rw io.ReadWriter) *Peer {
	p.t, p.w = t, rw
	p.r = bufio.NewReaderSize(rw, 64<<10)
	p.dec = wire.NewDecoder(wire.DecoderConfig{From: wire.FromClient})
	return p
}

// Handshake reads CONNECT and answers it: connected is the header of CONNECTED, one entry a line.
func (p *Peer) Handshake(connected string) {
	p.t.Helper()
	p.Want(wire.Connect)
	if connected != "" {
		connected += "\n"
	}
	p.SendRaw("CONNECTED\n" + connected + "\n\x00")
	p.enc.Version = wire.V10
	for line := range strings.Lines(connected) {
		if version, ok := strings.CutPrefix(line, "version:"); ok {
			p.enc.Version = wire.Version(strings.TrimSpace(version))
		}
	}
	p.dec.SetVersion(p.enc.Version)
}

// Next reads the Client's next frame; one without a command when there is none any more.
func (p *Peer) Next() (f wire.Frame) {
	for {
		ok, err := p.dec.Next(&f)
		if err != nil {
			p.t.Errorf("the Client sent nonsense: %v", err)
			return wire.Frame{}
		}
		if ok {
			return f
		}
		if room := p.dec.Room(); room != nil { // a body may hold as many NULs as it has bytes
			n, err := p.r.Read(room)
			if err != nil {
				return wire.Frame{}
			}
			p.dec.Filled(n, false)
			continue
		}
		piece, err := p.r.ReadSlice(0) // and nothing of the next frame
		if err != nil && err != bufio.ErrBufferFull {
			return wire.Frame{}
		}
		p.dec.Feed(piece, false)
	}
}

// Want reads the Client's next frame, which must be that one.
func (p *Peer) Want(command string) wire.Frame {
	p.t.Helper()
	if p.Conn != nil {
		p.Conn.SetReadDeadline(time.Now().Add(time.Hour)) // heart-beats would go on for ever
		defer p.Conn.SetReadDeadline(time.Time{})
	}
	f := p.Next()
	if f.Command != command {
		p.t.Fatalf("the Client sent %q %v, want %s", f.Command, f.Header, command)
	}
	return f
}

// Raw returns the Client's next frame as it stands on the wire, without its NUL and the heart-beats before it.
func (p *Peer) Raw() string {
	p.t.Helper()
	s, err := p.r.ReadString(0)
	if err != nil {
		p.t.Fatalf("reading a frame: %v (after %q)", err, s)
	}
	return strings.TrimLeft(strings.TrimSuffix(s, "\x00"), "\n")
}

// Byte returns the next byte.
func (p *Peer) Byte() byte {
	p.t.Helper()
	b, err := p.r.ReadByte()
	if err != nil {
		p.t.Fatalf("reading a byte: %v", err)
	}
	return b
}

// Message reads one WebSocket message, and says of what type it was.
func (p *Peer) Message() (ws.MessageType, string) {
	p.t.Helper()
	var m strings.Builder
	for {
		piece, final, err := p.Web.Read()
		if err != nil {
			p.t.Fatalf("reading a message: %v", err)
		}
		m.Write(piece)
		if final {
			return p.Web.ReadType(), m.String()
		}
	}
}

// HeartBeats counts those before and between the frames that Next has returned.
func (p *Peer) HeartBeats() uint64 { return p.dec.HeartBeats() }

// Rest reads everything from now on, and returns the commands when the Client has gone.
func (p *Peer) Rest() <-chan []string {
	all := make(chan []string, 1)
	go func() { // ends with the connection, which the test closes
		var list []string
		for f := p.Next(); f.Command != ""; f = p.Next() {
			list = append(list, f.Command)
		}
		all <- list
	}()
	return all
}

// AnswerOnly reads everything from now on, and answers the receipts of these commands alone.
func (p *Peer) AnswerOnly(commands ...string) {
	go func() { // ends with the connection, which the test closes
		for f := p.Next(); f.Command != ""; f = p.Next() {
			if _, ok := wire.Lookup(f.Header, "receipt"); ok && slices.Contains(commands, f.Command) && p.receipt(f) != nil {
				return // the Client has gone meanwhile
			}
		}
	}()
}

// Discard reads everything from now on and drops it. The channel is closed when the Client has gone.
func (p *Peer) Discard() <-chan struct{} {
	gone := make(chan struct{})
	go func() { // ends with the connection, which the test closes
		defer close(gone)
		io.Copy(io.Discard, p.r)
	}()
	return gone
}

// Silent fails the test if anything comes within d. On a stream.
func (p *Peer) Silent(d time.Duration) {
	p.t.Helper()
	p.Conn.SetReadDeadline(time.Now().Add(d))
	defer p.Conn.SetReadDeadline(time.Time{})
	if b, err := p.r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("something came: %q, %v", b, err)
	}
}

// Gone fails the test unless the Client has closed the connection and sent nothing before.
func (p *Peer) Gone() {
	p.t.Helper()
	if b, err := p.r.ReadByte(); err != io.EOF {
		p.t.Errorf("the connection was not closed: %q, %v", b, err)
	}
}

// Send sends a frame; header is name, value, name, value…
func (p *Peer) Send(command, body string, header ...string) {
	p.t.Helper()
	if err := p.send(command, body, header...); err != nil {
		p.t.Errorf("sending %s: %v", command, err)
	}
}

func (p *Peer) send(command, body string, header ...string) error {
	f := wire.Frame{Command: command, Body: []byte(body)}
	for i := 0; i < len(header); i += 2 {
		f.Header = append(f.Header, [2]string{header[i], header[i+1]})
	}
	raw, err := p.enc.AppendFrame(nil, f)
	if err == nil {
		_, err = p.w.Write(raw)
	}
	return err
}

// Receipt answers a frame that asks for a receipt.
func (p *Peer) Receipt(f wire.Frame) {
	p.t.Helper()
	if err := p.receipt(f); err != nil {
		p.t.Errorf("sending a RECEIPT: %v", err)
	}
}

func (p *Peer) receipt(f wire.Frame) error {
	return p.send(wire.Receipt, "", "receipt-id", wire.Get(f.Header, "receipt"))
}

// SendRaw sends text as it is: on a WebSocket as one text message.
func (p *Peer) SendRaw(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.w, text); err != nil {
		p.t.Fatalf("sending %q: %v", text, err)
	}
}

// SendMessage sends one WebSocket message.
func (p *Peer) SendMessage(typ ws.MessageType, text string) {
	p.t.Helper()
	if err := errors.Join(p.Web.Write(typ, []byte(text)), p.Web.Flush()); err != nil {
		p.t.Fatalf("sending %q: %v", text, err)
	}
}

// Block makes the Client's writer wait for this peer, so that what is sent from now on stays in the Client.
func (p *Peer) Block(c *stomp.Client) {
	p.t.Helper()
	OK(p.t, c.Send(p.t.Context(), "/block", nil))
	synctest.Wait()
}

// Fill blocks the Client's writer in a frame, and fills its outbox with another one.
func (p *Peer) Fill(c *stomp.Client) {
	p.t.Helper()
	for range 2 {
		OK(p.t, c.Send(p.t.Context(), "/big", make([]byte, 2<<20)))
		synctest.Wait()
	}
}

// Close ends the connection.
func (p *Peer) Close() {
	if p.Web != nil {
		p.Web.CloseNow()
		return
	}
	p.Conn.Close()
}

// messages makes a stream of a WebSocket: a Write is one text message.
type messages struct {
	c    *ws.Conn
	rest []byte // of the last piece
}

func (m *messages) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		var err error
		if m.rest, _, err = m.c.Read(); err != nil {
			return 0, err
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *messages) Write(p []byte) (int, error) {
	if err := errors.Join(m.c.Write(ws.Text, p), m.c.Flush()); err != nil {
		return 0, fmt.Errorf("writing a message: %w", err)
	}
	return len(p), nil
}
