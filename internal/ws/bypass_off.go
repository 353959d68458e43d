//go:build webstomp_library

package ws

// bypassLibrary is false: every message goes through the WebSocket library.
const bypassLibrary = false
