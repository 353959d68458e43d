// Package group starts a process in a process group of its own and ends the
// group, so that nothing which the process started outlives it.
package group

import (
	"os/exec"
	"time"
)

// Run starts cmd in a group of its own and waits for it, and then ends what is
// left of the group. It calls started as soon as cmd runs; nobody may signal it
// before that. On Linux cmd gets a SIGTERM when the caller's program ends,
// however that ends.
//
// Run sets cmd's SysProcAttr, and its WaitDelay where that is 0.
func Run(cmd *exec.Cmd, started func()) error {
	if cmd.WaitDelay == 0 {
		// For a child that outlives cmd and holds its standard output open.
		cmd.WaitDelay = time.Second
	}
	return run(cmd, started)
}

// Interrupt, Terminate and Kill send SIGINT, SIGTERM and SIGKILL to the group of
// a started cmd. They do nothing when the whole group is gone.
func Interrupt(cmd *exec.Cmd) { interrupt(cmd) }
func Terminate(cmd *exec.Cmd) { terminate(cmd) }
func Kill(cmd *exec.Cmd)      { kill(cmd) }
