// Package examples has tests that run the examples, built as go build does, against real servers.
package examples
