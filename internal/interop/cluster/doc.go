// Package cluster tests the client against three RabbitMQ nodes that are one cluster: WithFailover while nodes are
// killed, stopped, silenced and started under load; WithRetry where queues reject; streams; and a herd of clients that
// lose their node at once. It has nothing but tests.
//
// They are opt-in: WEBSTOMP_INTEROP=1. By default each has a short form, which CI runs. The flags -cluster.full and
// -cluster.herd=1000 are for the long ones, and -cluster.keep keeps the logs:
//
//	WEBSTOMP_INTEROP=1 go test -v -timeout 30m ./internal/interop/cluster -cluster.full
//
// What they found is in docs/interop.md.
package cluster
