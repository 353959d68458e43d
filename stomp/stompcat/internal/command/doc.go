// Package command is the commands of stompcat. Run runs one of them in an Env, which is all that it knows of its
// outside: there is no global state, so tests run many at a time in one process.
package command
