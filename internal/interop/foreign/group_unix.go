//go:build unix

package foreign

import (
	"os/exec"
	"syscall"
)

// group makes a command run in its own process group, which is killed as a whole when
// the command's context ends.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
