package hostile_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// accepted is the answer to an upgrade, with the accept key in place of %s.
const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"

// server is the far end of one connection.
type server struct {
	nc    net.Conn
	br    *bufio.Reader
	bare  bool // STOMP without a WebSocket
	bytes bool // write one byte at a time

	commands  chan string // of the Client's frames; closed when the Client has gone
	listening bool        // somebody reads; set by the goroutine that plays

	reader sync.WaitGroup // joined by close
	mu     sync.Mutex     // guards what follows
	heard  heard
	over   bool       // nothing more will be heard
	news   *sync.Cond // of mu: either has changed
}

// heard is what the Client has said.
type heard struct {
	pongs     []string
	closeCode int      // 0: no close frame came
	reason    string   // of the close frame
	faults    []string // where the Client breaks the rules itself
}

func newServer(nc net.Conn, bare, bytes bool) *server {
	s := &server{nc: nc, br: bufio.NewReader(nc), bare: bare, bytes: bytes, commands: make(chan string, 16)}
	s.news = sync.NewCond(&s.mu)
	return s
}

// upgrade reads the request for a WebSocket, and answers it: before, the accept key, after.
func (s *server) upgrade(before, after []byte) error {
	req, err := http.ReadRequest(s.br)
	if err != nil {
		return fmt.Errorf("reading the upgrade: %w", err)
	}
	s.listen() // a pipe has no room for what the Client says while this is written
	key := []byte(nil)
	if after != nil {
		sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		key = base64.StdEncoding.AppendEncode(key, sum[:])
	}
	return errors.Join(s.write(before), s.write(key), s.write(after))
}

// write sends bytes, all at once or one by one.
func (s *server) write(p []byte) error {
	if s.bytes {
		for i := range p {
			if _, err := s.nc.Write(p[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := s.nc.Write(p)
	return err
}

// say sends one STOMP frame, in a message of its own where there are any.
func (s *server) say(frame string) error {
	if !s.bare {
		frame = text(frame)
	}
	return s.write([]byte(frame))
}

// listen begins to read what the Client says, until it goes. close joins it.
func (s *server) listen() {
	s.listening = true
	s.reader.Go(func() {
		defer close(s.commands)
		var err error
		if s.bare {
			err = s.readStomp(s.br)
		} else {
			err = s.readMessages()
		}
		s.note(func(h *heard) {
			if s.over = true; err != nil {
				h.faults = append(h.faults, err.Error())
			}
		})
	})
}

// note changes what was heard.
func (s *server) note(change func(*heard)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.heard)
	s.news.Broadcast()
}

// awaitHeard waits until the Client has said something, or has gone.
func (s *server) awaitHeard(what func(heard) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.over && !what(s.heard) {
		s.news.Wait()
	}
}

// readStomp reads frames without a body.
func (s *server) readStomp(r *bufio.Reader) error {
	for {
		raw, err := r.ReadString(0)
		if err != nil {
			return nil // the Client has gone
		}
		command, _, found := strings.Cut(strings.TrimLeft(raw, "\n"), "\n")
		if !found {
			return fmt.Errorf("the Client sent %.80q", raw)
		}
		s.commands <- command
	}
}

// readMessages reads frames, which have to be a client's (RFC 6455, section 5).
func (s *server) readMessages() error {
	rest, stomp := io.Pipe() // of the payloads
	var parser sync.WaitGroup
	parser.Go(func() { s.readStomp(bufio.NewReader(rest)); rest.Close() }) // joined below
	defer parser.Wait()
	defer stomp.Close()
	for {
		f, err := s.readFrame()
		if errors.Is(err, errRule) {
			return err
		}
		if err != nil {
			return nil // the Client has gone
		}
		s.mu.Lock()
		closed := s.heard.closeCode != 0
		s.mu.Unlock()
		switch {
		case closed:
			return fmt.Errorf("%w: a frame of opcode %d after the close frame", errRule, f.op)
		case f.op == opPong:
			s.note(func(h *heard) { h.pongs = append(h.pongs, f.payload) })
		case f.op == opClose:
			code, reason := 1005, ""
			if len(f.payload) >= 2 {
				code, reason = int(binary.BigEndian.Uint16([]byte(f.payload))), f.payload[2:]
			}
			s.note(func(h *heard) { h.closeCode, h.reason = code, reason })
			s.hangUp()
		case f.op <= opBinary:
			if _, err := io.WriteString(stomp, f.payload); err != nil {
				return nil
			}
		}
	}
}

// errRule marks what a Client must never send.
var errRule = errors.New("the Client breaks the rules")

type clientFrame struct {
	op      byte
	payload string
}

func (s *server) readFrame() (f clientFrame, err error) {
	var head [14]byte
	if _, err := io.ReadFull(s.br, head[:2]); err != nil {
		return f, err
	}
	f.op = head[0] & 0x0f
	size, n := uint64(head[1]&0x7f), 0
	switch size {
	case 126:
		n = 2
	case 127:
		n = 8
	}
	if _, err := io.ReadFull(s.br, head[2:2+n+4]); err != nil {
		return f, err
	}
	switch n {
	case 2:
		size = uint64(binary.BigEndian.Uint16(head[2:]))
	case 8:
		size = binary.BigEndian.Uint64(head[2:])
	}
	switch {
	case head[1]&0x80 == 0:
		return f, fmt.Errorf("%w: a frame without a mask", errRule)
	case head[0]&(rsv2|rsv3) != 0:
		return f, fmt.Errorf("%w: a reserved bit", errRule)
	case f.op >= opClose && (head[0]&fin == 0 || size > 125):
		return f, fmt.Errorf("%w: a control frame in fragments, or of %d bytes", errRule, size)
	case size > 1<<20:
		return f, fmt.Errorf("%w: a frame of %d bytes", errRule, size)
	}
	payload := make([]byte, size)
	_, err = io.ReadFull(s.br, payload)
	for i := range payload {
		payload[i] ^= head[2+n+i%4]
	}
	f.payload = string(payload)
	return f, err
}

// await reads the Client's frames up to one of that command.
func (s *server) await(command string) error {
	for c := range s.commands {
		if c == command {
			return nil
		}
	}
	return fmt.Errorf("the Client went before it sent %s", command)
}

// linger passes over the Client's frames until it has gone.
func (s *server) linger() {
	if !s.listening {
		return
	}
	for range s.commands {
	}
}

// deafen makes the server read nothing any more.
func (s *server) deafen() {
	s.nc.SetReadDeadline(time.Unix(1, 0))
	s.linger()
	s.reader.Wait()
}

// hangUp ends the connection after the Client's close frame, as the server has to do (RFC 6455, section 7.1.1). Where
// it can, it goes on reading: nothing may follow.
func (s *server) hangUp() {
	if half, ok := s.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	s.nc.Close()
}

// close ends the connection, and returns what was heard.
func (s *server) close() heard {
	s.nc.Close()
	s.linger()
	s.reader.Wait()
	return s.heard
}
