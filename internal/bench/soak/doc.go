// Package soak holds the tests of what lasts and of what is many: 10,000 clients
// in one process, 100,000,000 messages through one, and an hour of mixed work on
// connections that break. There is nothing to import. By default they are small
// enough for every day:
//
//	go test ./internal/bench/soak -v -soak.clients=10000 -soak.messages=100000000 -timeout 30m
//	WEBSTOMP_INTEROP=1 go test ./internal/bench/soak -v -run mixed -soak.time=1h -timeout 3h
//
// is the full form; WEBSTOMP_INTEROP=1 adds RabbitMQ to the embedded broker, for as long again (beside other work
// with -soak.pause=50ms). The clients have sockets: each process of the two needs as many file descriptors as there
// are clients, and some (ulimit -n).
package soak
