// Package layers checks that the files of package stomp refer to each other as docs/design.md says. It has nothing
// but a test.
package layers
