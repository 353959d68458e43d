// Package hostile holds tests against servers that break the rules, or use them to the full: WebSocket frames (RFC
// 6455), permessage-deflate (RFC 7692), the answers to the upgrade and to CONNECT, and STOMP. There is nothing to
// import.
//
// The server is a raw one: it writes the bytes that a case says, in the pieces that it says, over TCP, TLS, a unix
// socket and an in-memory pipe. Each case says what the Client must deliver, how its session must end (the type for
// errors.As, and what the text says), and with which close code. What it may cost is measured: bytes allocated, and
// goroutines left.
//
// The fuzz targets play the same server with bytes that nobody wrote, and compare the ways in.
package hostile
