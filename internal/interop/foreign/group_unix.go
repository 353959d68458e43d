//go:build unix

package foreign

import (
	"os/exec"
	"syscall"
)

// group makes a command run in a process group of its own, which the end of its
// context kills as a whole.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
