package hostile_test

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// The first bits of a frame, beside its opcode.
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
)

// frame returns a WebSocket frame as a server has to send it: first is FIN, RSV bits and opcode.
func frame(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return frameHead(first, n, 1) + payload
	case n < 1<<16:
		return frameHead(first, n, 2) + payload
	default:
		return frameHead(first, n, 8) + payload
	}
}

// frameHead returns the head of an unmasked frame that announces a payload of n bytes, with a length of 1, 2 or 8
// bytes.
func frameHead[N int | uint64](first byte, n N, size int) string {
	switch size {
	case 1:
		return string([]byte{first, byte(n)})
	case 2:
		return string(binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n)))
	default:
		return string(binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(n)))
	}
}

// masked returns a frame as only a client may send it.
func masked(first byte, payload, key string) string {
	head := []byte(frame(first, payload)[:len(frame(first, payload))-len(payload)])
	head[1] |= 0x80
	body := []byte(payload)
	for i := range body {
		body[i] ^= key[i%4]
	}
	return string(head) + key + string(body)
}

func text(payload string) string { return frame(fin|opText, payload) }
func blob(payload string) string { return frame(fin|opBinary, payload) }
func ping(payload string) string { return frame(fin|opPing, payload) }
func pong(payload string) string { return frame(fin|opPong, payload) }

// first, next and last are the fragments of a message.
func first(payload string) string { return frame(opText, payload) }
func next(payload string) string  { return frame(opContinuation, payload) }
func last(payload string) string  { return frame(fin|opContinuation, payload) }

// fragments returns a message in frames of n bytes.
func fragments(payload string, n int) string {
	if len(payload) <= n {
		return text(payload)
	}
	var b strings.Builder
	b.WriteString(first(payload[:n]))
	for payload = payload[n:]; len(payload) > n; payload = payload[n:] {
		b.WriteString(next(payload[:n]))
	}
	return b.String() + last(payload)
}

// closing returns a close frame.
func closing(code int, reason string) string {
	return frame(fin|opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// subscription is the id of the one that every case has.
const subscription = "s"

// message returns a MESSAGE without content-length for the subscription; entries are lines of its header.
func message(body string, entries ...string) string {
	return "MESSAGE\ndestination:/a\nmessage-id:1\nsubscription:" + subscription + "\n" +
		strings.Join(append(entries, ""), "\n") + "\n" + body + "\x00"
}

// counted returns a MESSAGE with content-length.
func counted(body string) string { return message(body, fmt.Sprint("content-length:", len(body))) }
