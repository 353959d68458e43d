package stomp

import (
	"fmt"
	"slices"
	"time"
)

// State is what a Client is doing.
type State int

// The states of a Client.
const (
	StateConnecting   State = iota // before the first session
	StateConnected                 // there is a session; the broker may not have processed every SUBSCRIBE yet
	StateReconnecting              // between two sessions
	StateClosed                    // the Client has ended; Client.Err says why
)

// String returns "connecting", "connected", "reconnecting" or "closed".
func (s State) String() string {
	switch s {
	case StateConnecting:
		return "connecting"
	case StateConnected:
		return "connected"
	case StateReconnecting:
		return "reconnecting"
	case StateClosed:
		return "closed"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Status is what a Client is doing and why. Err is, while connecting, that of the last attempt, or why the session
// before it ended; connected, why the session before ended; closed, as Client.Err.
type Status struct {
	State   State
	Epoch   uint64    // sessions so far, as Frame.Epoch counts them
	Attempt int       // of this connect or reconnect, from 1; 0 once it is over
	RetryAt time.Time // in StateReconnecting: when the next attempt starts
	Since   time.Time // when State was entered
	Err     error
	Session Session // the current or last session
}

// Session is what a server and the Client agreed on (clauses C2, C5 and C6).
type Session struct {
	URL         string // without its password and its query
	Subprotocol string // chosen by the server; "" if it chose none
	Server      string // CONNECTED's server header, "RabbitMQ/3.10.8"
	ID          string // CONNECTED's session header
	Version     Version
	// HeartBeatSend and HeartBeatReceive are the agreed intervals of our heart-beats and of the server's (clause C6).
	// 0: none in that direction.
	HeartBeatSend, HeartBeatReceive time.Duration
	Header                          Header // of CONNECTED
}

// Version is a version of the STOMP protocol as in accept-version and CONNECTED: "1.0", "1.1" or "1.2".
type Version string

// The versions that a Client speaks. It offers all three unless [WithVersions] is used; the server chooses (clauses
// C1 and C2).
const (
	V10 Version = "1.0" // no escapes, no NACK, subscriptions by destination
	V11 Version = "1.1" // escapes, NACK, heart-beats
	V12 Version = "1.2" // CR LF line ends, the ack header
)

// allVersions holds every version in ascending order, as accept-version lists them.
var allVersions = []Version{V10, V11, V12}

func (v Version) known() bool { return slices.Contains(allVersions, v) }

// subprotocol returns the name that the WebSocket handshake offers v by (clause W1).
func (v Version) subprotocol() string {
	switch v {
	case V10:
		return "v10.stomp"
	case V11:
		return "v11.stomp"
	default:
		return "v12.stomp"
	}
}
