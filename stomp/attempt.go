package stomp

import "net/http"

// Attempt is what one attempt to connect is about to use. A function given to [WithBeforeConnect] may change what
// says so.
type Attempt struct {
	Number     int         // of this effort, from 1, as Status.Attempt; 1 where it only asks for a subscription
	Err        error       // why the last session or attempt ended; nil at first
	URL        string      // the endpoint's; may be changed
	HTTPHeader http.Header // of the WebSocket upgrade; never nil; may be changed
	Header     Header      // of CONNECT; begins with WithHeader's entries; may be changed
	// Login and Passcode are WithLogin's or WithCredentials'; with both empty, neither is sent. May be changed.
	Login, Passcode string
}
