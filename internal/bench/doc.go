// Package bench holds the benchmarks that compare the client with the bare
// WebSocket library in the same run. There is nothing to import.
package bench
