package stomptest

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// hijacker puts a faultConn beneath the WebSocket when net/http gives its connection away.
type hijacker struct {
	http.ResponseWriter
	all   *gate
	piece int        // bytes of one fragment from the client; 0: no bound
	conn  *faultConn // set by Hijack
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := rw.Writer.Flush(); err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	var head []byte
	if n := rw.Reader.Buffered(); n > 0 {
		head = make([]byte, n)
		_, _ = io.ReadFull(rw.Reader, head)
	}
	h.conn = newFaultConn(nc, h.all, head)
	h.conn.pieces.limit = h.piece
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}
