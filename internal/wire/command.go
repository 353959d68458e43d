package wire

// The commands of a client. Stomp is CONNECT under its second name (STOMP 1.1, "CONNECT or STOMP Frame").
const (
	Connect     = "CONNECT"
	Stomp       = "STOMP"
	Send        = "SEND"
	Subscribe   = "SUBSCRIBE"
	Unsubscribe = "UNSUBSCRIBE"
	Ack         = "ACK"
	Nack        = "NACK"
	Begin       = "BEGIN"
	Commit      = "COMMIT"
	Abort       = "ABORT"
	Disconnect  = "DISCONNECT"
)

// The commands of a server.
const (
	Connected = "CONNECTED"
	Message   = "MESSAGE"
	Receipt   = "RECEIPT"
	Error     = "ERROR"
)

// maxCommandLine is the longest command line before its LF: UNSUBSCRIBE and a CR. More than that is no command,
// which is known before a line ends that may never end.
const maxCommandLine = len(Unsubscribe) + 1

// Side says who writes the frames, and so which commands are known (F14).
type Side uint8

// The sides. FromServer is the zero value: a client reads what a server writes.
const (
	FromServer Side = iota
	FromClient
	FromEither
)

// command returns the constant that name spells, or "" when this side has no such command. It allocates nothing.
func (s Side) command(name []byte) string {
	if s != FromServer {
		if c := clientCommand(name); c != "" {
			return c
		}
	}
	if s != FromClient {
		return serverCommand(name)
	}
	return ""
}

// clientCommand returns the constant of a client's command, or "".
func clientCommand(name []byte) string {
	switch string(name) { // the compiler compares in place
	case Connect:
		return Connect
	case Stomp:
		return Stomp
	case Send:
		return Send
	case Subscribe:
		return Subscribe
	case Unsubscribe:
		return Unsubscribe
	case Ack:
		return Ack
	case Nack:
		return Nack
	case Begin:
		return Begin
	case Commit:
		return Commit
	case Abort:
		return Abort
	case Disconnect:
		return Disconnect
	}
	return ""
}

// serverCommand returns the constant of a server's command, or "".
func serverCommand(name []byte) string {
	switch string(name) {
	case Message:
		return Message
	case Receipt:
		return Receipt
	case Error:
		return Error
	case Connected:
		return Connected
	}
	return ""
}

// known reports whether either side has this command.
func known(command string) bool {
	switch command {
	case Connect, Stomp, Send, Subscribe, Unsubscribe, Ack, Nack, Begin, Commit, Abort, Disconnect,
		Connected, Message, Receipt, Error:
		return true
	}
	return false
}

// hasBody reports whether a frame with this command may carry a body (F9).
func hasBody(command string) bool {
	return command == Message || command == Send || command == Error
}

// handshake reports whether command belongs to the frames that settle the version, and so are read and written
// alike in every version: without escapes (F7), and with CR LF taken.
func handshake(command string) bool {
	return command == Connect || command == Connected || command == Stomp
}
