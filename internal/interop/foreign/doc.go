// Package foreign runs other STOMP clients against stomptest, with this project's
// client as their partner: stompjs/session.mjs drives @stomp/stompjs on Node,
// stomppy/session.py drives stomp.py over TCP. Its tests are opt-in:
// WEBSTOMP_INTEROP=1.
package foreign
