//go:build !webstomp_library

package ws

// bypassLibrary lets whole messages pass the WebSocket library by, in both directions, on a client's connection.
// Build with the tag webstomp_library for a comparison without that.
const bypassLibrary = true
