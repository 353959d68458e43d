// Package brokertls has tests of TLS where the broker itself speaks it: a real RabbitMQ, over a WebSocket and over
// TCP, with certificates of a private CA. They are opt-in, as the brokers are: WEBSTOMP_INTEROP=1.
package brokertls
