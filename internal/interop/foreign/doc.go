// Package foreign runs other people's STOMP clients against stomptest, with the
// client of this project behind the broker: stompjs/session.mjs speaks as
// @stomp/stompjs under Node, stomppy/session.py as stomp.py over TCP. Its tests
// are opt-in: WEBSTOMP_INTEROP=1.
package foreign
