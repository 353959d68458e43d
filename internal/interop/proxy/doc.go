// Package proxy has tests of the client behind reverse proxies: Debian's nginx and HAProxy, each with a configuration
// of the test's own, in front of stomptest's broker or a real RabbitMQ. They are opt-in, as the brokers are:
// WEBSTOMP_INTEROP=1.
package proxy
