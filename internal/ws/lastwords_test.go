package ws

import (
	"errors"
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

// When writing has failed, what the peer has said is still read: messages, pings that cannot be answered, its close frame.
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

// Where the close handshake has failed to write, the reader is told what the connection failed with, not that the peer
// broke the protocol.
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
