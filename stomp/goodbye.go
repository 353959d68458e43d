package stomp

import (
	"context"
	"errors"

	"github.com/webstomp/webstomp/internal/ws"
)

// The WebSocket close codes by which we tell a server what it did wrong (RFC 6455, section 7.4.1).
const (
	statusProtocolError  = 1002 // it broke the rules of WebSocket or of STOMP
	statusInvalidPayload = 1007 // what it has compressed cannot be decompressed
	// and statusTooBig, for one of Limits
)

// closeConn ends a connection because of reason: at once, or where the server has broken a rule with a close frame
// that says so, which may take a second and goes on in the background. It is cut short when the user ends the Client,
// or the ctx of Connect ends.
func (e *env) closeConn(conn *ws.Conn, reason error) {
	if code, _ := closeCode(reason); code == 0 {
		conn.CloseNow()
		return
	}
	e.running.Go(func() { closeWithin(e.goodbyes, conn, reason) })
}

// closeWithin is closeConn, but waits for that, within ctx.
func closeWithin(ctx context.Context, conn *ws.Conn, reason error) {
	code, text := closeCode(reason)
	if code == 0 {
		conn.CloseNow()
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.CloseNow() }) // not joined: Fail returns when that has closed it
	defer stop()
	conn.Fail(code, text)
}

// closeCode returns the close code and the reason that tell a server what it did wrong; 0: nothing, as far as we
// know.
func closeCode(reason error) (code int, text string) {
	var protocol *ProtocolError
	var limit *LimitError
	switch {
	case errors.As(reason, &limit):
		return statusTooBig, limit.Error()
	case errors.As(reason, &protocol):
		return statusProtocolError, protocol.Error()
	case errors.Is(reason, ws.ErrCompressed):
		return statusInvalidPayload, ws.ErrCompressed.Error()
	case errors.Is(reason, ws.ErrProtocol):
		return statusProtocolError, ws.ErrProtocol.Error()
	}
	return 0, ""
}
