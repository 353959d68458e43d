package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/pprof"
	"sync"
)

const (
	// inSize is how much a peer reads at a time: some 180 SENDs of 256 B.
	inSize = 64 << 10
	// outSize is what a flood writes at a time, at least, so that its system
	// calls cost little.
	outSize = 256 << 10
)

// A peer is the server of a measurement, on loopback TCP. It is neutral: it
// upgrades by hand, none of the client's codecs is on its way, and what it sends
// was encoded beforehand. It reads what is there and answers all of it with one
// write, so that it is not what the clients wait for, and it allocates nothing
// once it runs, so that what the process allocates is the client's.
//
// It answers CONNECT and every receipt; a client that is the bare WebSocket
// library asks for neither.
//
// Its goroutines: one that accepts, one for each connection that reads and
// answers, and one for each connection of a flood that writes. close ends and
// joins them all.
type peer struct {
	ln      net.Listener
	echo    []byte         // answers each SEND; nil: nothing does
	cycle   []byte         // what a flood writes over and over: frames of one length; nil: no flood
	frame   int            // that length
	asked   chan int       // frames that the flood is asked for
	done    chan struct{}  // closed by end
	running sync.WaitGroup // of all goroutines
	release func() bool    // ends the watch on ctx; set before anyone has the peer

	mu    sync.Mutex // guards the following
	conns []net.Conn
	ended bool
	err   error // the first fault that was not a connection's end
}

// discarding returns a peer that answers nothing but CONNECT and receipts. ctx's
// end cuts its connections, as with all peers.
func discarding(ctx context.Context) (*peer, error) { return listen(ctx, &peer{}) }

// echoing returns a peer that answers each SEND with message.
func echoing(ctx context.Context, message []byte) (*peer, error) {
	return listen(ctx, &peer{echo: appendFrame(nil, message)})
}

// flooding returns a peer that writes messages, all of one length and in turns,
// as many as flood asks for. It is for one connection.
func flooding(ctx context.Context, messages ...[]byte) (*peer, error) {
	p := &peer{frame: len(appendFrame(nil, messages[0]))}
	for len(p.cycle) < outSize {
		for _, m := range messages {
			if len(m) != len(messages[0]) {
				return nil, errors.New("peer: the messages of a flood differ in length")
			}
			p.cycle = appendFrame(p.cycle, m)
		}
	}
	return listen(ctx, p)
}

func listen(ctx context.Context, p *peer) (*peer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	p.ln, p.asked, p.done = ln, make(chan int, 1), make(chan struct{})
	p.release = context.AfterFunc(ctx, p.end)
	p.running.Go(p.accept) // joined by close
	return p, nil
}

// url is where it listens.
func (p *peer) url() string { return "ws://" + p.ln.Addr().String() + "/ws" }

// flood asks for n messages more, and waits until the flood before is written.
func (p *peer) flood(n int) {
	select {
	case p.asked <- n:
	case <-p.done:
	}
}

// close ends the peer and returns its first fault.
func (p *peer) close() error {
	p.release()
	p.end()
	p.running.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// end cuts all connections, once.
func (p *peer) end() {
	p.mu.Lock()
	conns, first := p.conns, !p.ended
	p.ended, p.conns = true, nil
	p.mu.Unlock()
	if !first {
		return
	}
	close(p.done)
	_ = p.ln.Close() // nothing is lost with it
	for _, nc := range conns {
		_ = nc.Close() // likewise
	}
}

// fail keeps the first fault. Connections that break because they are cut are none.
func (p *peer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !p.ended {
		p.err = fmt.Errorf("peer: %w", err)
	}
}

func (p *peer) accept() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(viaLabel, "peer"))) // its goroutines inherit it
	for {
		nc, err := p.ln.Accept()
		if err != nil {
			p.fail(err)
			return
		}
		if !p.add(nc) {
			_ = nc.Close() // it came after the end
			return
		}
		p.running.Go(func() { // joined by close; ends with the connection
			defer nc.Close()
			if err := p.serve(nc); err != nil {
				p.fail(err)
			}
		})
	}
}

func (p *peer) add(nc net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.conns = append(p.conns, nc)
	}
	return !p.ended
}

// serve upgrades and then answers until the connection ends, which is no error.
func (p *peer) serve(nc net.Conn) error {
	if err := upgrade(nc); err != nil {
		return err
	}
	if p.cycle != nil {
		p.running.Go(func() { // joined by close; ends with the connection or the peer
			defer nc.Close()
			p.pour(nc)
		})
	}
	in := make([]byte, inSize)
	var out []byte
	for have := 0; ; {
		n, err := nc.Read(in[have:])
		if err != nil {
			return nil
		}
		have += n
		var taken int
		if taken, out, err = p.answer(in[:have], out[:0]); err != nil {
			return err
		}
		if len(out) > 0 {
			if _, err := nc.Write(out); err != nil {
				return nil
			}
		}
		if have = copy(in, in[taken:have]); have == len(in) {
			return fmt.Errorf("a frame of the client is longer than %d octets", inSize)
		}
	}
}

// answer appends the answers to all complete frames in in, and returns how many
// octets these were. Control frames get none: the clients here are cut.
func (p *peer) answer(in, out []byte) (taken int, _ []byte, _ error) {
	for {
		op, message, size, err := cutFrame(in[taken:])
		if size == 0 || err != nil {
			return taken, out, err
		}
		if op < opClose {
			out = p.respond(out, message)
		}
		taken += size
	}
}

// pour writes the flood, up to a whole cycle in one call.
func (p *peer) pour(nc net.Conn) {
	at := 0
	for {
		select {
		case n := <-p.asked:
			for left := n * p.frame; left > 0; {
				k, err := nc.Write(p.cycle[at:min(len(p.cycle), at+left)])
				if err != nil {
					return // the client sees it too
				}
				left -= k
				at = (at + k) % len(p.cycle)
			}
		case <-p.done:
			return
		}
	}
}

// upgrade reads the request of a WebSocket client and takes it (RFC 6455, 4.2).
func upgrade(nc net.Conn) error {
	br := bufio.NewReader(nc)
	r, err := http.ReadRequest(br)
	if err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	if br.Buffered() > 0 {
		return errors.New("upgrade: the client did not wait for the answer")
	}
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + guid))
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	return err
}

var (
	connected   = appendFrame(nil, []byte("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00"))
	blankLine   = []byte("\n\n")
	receiptLine = []byte("\nreceipt:")
)

// respond appends what answers one message. It reads as little of STOMP as that
// needs: the command and the receipt.
func (p *peer) respond(out, message []byte) []byte {
	head, _, _ := bytes.Cut(message, blankLine)
	if bytes.HasPrefix(head, []byte("CONNECT\n")) || bytes.HasPrefix(head, []byte("STOMP\n")) {
		return append(out, connected...)
	}
	if _, id, ok := bytes.Cut(head, receiptLine); ok {
		id, _, _ = bytes.Cut(id, blankLine[:1])
		out = appendReceipt(out, id)
	}
	if bytes.HasPrefix(head, []byte("SEND\n")) {
		out = append(out, p.echo...)
	}
	return out
}

func appendReceipt(dst, id []byte) []byte {
	const before, after = "RECEIPT\nreceipt-id:", "\n\n\x00"
	dst = appendFrameHead(dst, len(before)+len(id)+len(after))
	return append(append(append(dst, before...), id...), after...)
}
