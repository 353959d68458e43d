//go:build !unix

package ws

const canTryFlush, canReadAhead = false, false
