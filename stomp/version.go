package stomp

import "slices"

// Version is a version of the STOMP protocol, as it stands in accept-version
// and in CONNECTED: "1.0", "1.1" or "1.2".
type Version string

// The versions that a Client can speak. It offers all three unless
// [WithVersions] says otherwise; the server chooses (clauses C1 and C2).
const (
	V10 Version = "1.0" // no escapes, no NACK, subscriptions by destination
	V11 Version = "1.1"
	V12 Version = "1.2" // CR LF line ends, the ack header
)

// allVersions holds every version in ascending order, as accept-version
// lists them.
var allVersions = []Version{V10, V11, V12}

func (v Version) known() bool { return slices.Contains(allVersions, v) }

// subprotocol is the name under which the WebSocket handshake offers v
// (clause W1).
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
