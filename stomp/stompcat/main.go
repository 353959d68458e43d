// Stompcat speaks STOMP over WebSocket from a terminal or a script: it subscribes, publishes, asks for a reply,
// measures, and finds out why a connection does not come about. See README.md, or stompcat --help.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/webstomp/webstomp/stomp/stompcat/internal/command"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // writing to a closed pipe is an error then, which ends the command cleanly
	signals := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // as nohup has it, or a script for what runs in the background
			signal.Notify(signals, s)
		}
	}
	os.Exit(command.Run(command.Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Signals: signals, Exit: os.Exit,
	}))
}
