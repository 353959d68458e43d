//go:build unix

package ws

const canTryFlush, canReadAhead = true, bypassLibrary
