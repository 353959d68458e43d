// Package soak holds the tests of what lasts and of what is many: 10,000 clients
// in one process, and 100,000,000 messages through one. There is nothing to
// import. By default they are small enough for every day:
//
//	go test ./internal/bench/soak -v -soak.clients=10000 -soak.messages=100000000 -timeout 30m
//
// is the full form. The clients have sockets: each process of the two needs as
// many file descriptors as there are clients, and some (ulimit -n).
package soak
