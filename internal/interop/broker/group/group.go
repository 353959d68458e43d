// Package group starts a process in its own process group and ends that group, so
// that no child of the process outlives it.
package group

import (
	"os/exec"
	"time"
)

// Run starts cmd in its own process group, waits for it, and then kills what is left
// of the group. It calls started as soon as cmd runs; before that nobody may signal
// it. On Linux cmd gets a SIGTERM when the calling program ends for any reason.
//
// Run sets cmd's SysProcAttr, and its WaitDelay if that is 0.
func Run(cmd *exec.Cmd, started func()) error {
	if cmd.WaitDelay == 0 {
		// For a child that outlives cmd and holds its standard output open.
		cmd.WaitDelay = time.Second
	}
	return run(cmd, started)
}

// Interrupt, Terminate, Kill, Pause and Resume send SIGINT, SIGTERM, SIGKILL, SIGSTOP
// and SIGCONT to the group of a started cmd. They do nothing once the whole group is
// gone.
func Interrupt(cmd *exec.Cmd) { interrupt(cmd) }
func Terminate(cmd *exec.Cmd) { terminate(cmd) }
func Kill(cmd *exec.Cmd)      { kill(cmd) }
func Pause(cmd *exec.Cmd)     { pause(cmd) }
func Resume(cmd *exec.Cmd)    { resume(cmd) }
