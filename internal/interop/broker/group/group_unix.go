//go:build unix

package group

import (
	"os/exec"
	"runtime"
	"syscall"
)

func run(cmd *exec.Cmd, started func()) error {
	// The kernel sends the death signal when the thread ends that started the
	// process, not the program: this one stays in Wait until the process is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return err
	}
	started()
	err := cmd.Wait()
	kill(cmd)
	return err
}

func interrupt(cmd *exec.Cmd) { signal(cmd, syscall.SIGINT) }
func terminate(cmd *exec.Cmd) { signal(cmd, syscall.SIGTERM) }
func kill(cmd *exec.Cmd)      { signal(cmd, syscall.SIGKILL) }

// signal reports no failure: the one there can be is that nobody is left.
func signal(cmd *exec.Cmd, sig syscall.Signal) { syscall.Kill(-cmd.Process.Pid, sig) }
