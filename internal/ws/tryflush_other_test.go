//go:build !unix

package ws

const canTryFlush = false
