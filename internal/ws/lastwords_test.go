package ws

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// halfDead is a connection that can be read and not be written to.
type halfDead struct {
	net.Conn
	err error
}

func (h *halfDead) Write(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	return h.Conn.Write(p)
}

// When writing has failed, what the peer has said is still read: messages, pings that cannot be answered, its close
// frame.
func TestRead_goes_on_after_a_failed_write(t *testing.T) {
	for _, compression := range []bool{false, true} {
		client, server := net.Pipe()
		half := &halfDead{Conn: client}
		c, _ := peered(t, half, server, DialOptions{Compression: compression})
		half.err = syscall.ECONNRESET
		must(t, c.Write(Text, []byte("lost")))
		if err := c.Flush(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Flush: %v", err)
		}
		for _, size := range []int{5, 3 * chunkSize} {
			if err := c.Write(Text, make([]byte, size)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("Write of %d bytes: %v", size, err)
			}
		}
		if err := c.Ping(t.Context()); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Ping: %v", err)
		}
		go func() { // ends with the connection
			for _, f := range []frame{
				{true, opText, []byte("one")},
				{true, opPing, []byte("ping")},
				{false, opText, []byte("ERR")},
				{true, opPing, []byte("ping")},
				{true, opContinuation, []byte("OR")},
				{true, opClose, []byte(closing(1011, "bye"))},
			} {
				server.Write(f.bytes())
			}
		}()
		for _, want := range []string{"one", "ERROR"} {
			if got, err := readMessage(c); err != nil || string(got) != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
		_, _, err := c.Read()
		var closed *CloseError
		if !errors.As(err, &closed) || closed.Code != 1011 {
			t.Errorf("the end is %v", err)
		}
	}
}

// Where the close handshake has failed to write, the reader is told what the connection failed with, not that the
// peer broke the protocol.
func TestRead_of_a_connection_reset_in_the_close_handshake(t *testing.T) {
	client, server := net.Pipe()
	half := &halfDead{Conn: client}
	c, _ := peered(t, half, server, DialOptions{})
	c.b.out.stopGathering()
	half.err = syscall.ECONNRESET
	go server.Write(frame{true, opPing, nil}.bytes()) // ends with the connection
	if _, _, err := c.Read(); !errors.Is(err, syscall.ECONNRESET) || errors.Is(err, ErrProtocol) {
		t.Errorf("%v", err)
	}
}

// When the connection ends inside a message, a client gets what had come of it, then the error. A server does not:
// what the library leaves it then is still masked.
func TestRead_the_connection_ends_inside_a_message(t *testing.T) {
	for _, compression := range []bool{false, true} {
		client, server := net.Pipe()
		c, _ := peered(t, client, server, DialOptions{Compression: compression})
		go func() { // ends with the write
			server.Write(frame{true, opText, []byte("ERROR\nmessage:no more")}.bytes()[:10])
			server.Close()
		}()
		if got, final, err := c.Read(); string(got) != "ERROR\nme" || final || err != nil {
			t.Errorf("%q, final %t, %v", got, final, err)
		}
		for range 2 {
			if got, _, err := c.Read(); len(got) > 0 || !errors.Is(err, io.EOF) {
				t.Errorf("%q, %v", got, err)
			}
		}
	}
	client, server := net.Pipe()
	_, s := pair(t, client, server, DialOptions{}, AcceptOptions{})
	go func() { // ends with the write
		client.Write(maskedFrame(0x81, "SEND\nto:x", 7)[:10])
		client.Close()
	}()
	if got, _, err := s.Read(); len(got) > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("a server got %q, %v", got, err)
	}
}
