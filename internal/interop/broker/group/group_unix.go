//go:build unix

package group

import (
	"os/exec"
	"runtime"
	"syscall"
)

func run(cmd *exec.Cmd, started func()) error {
	// The kernel sends the parent-death signal when the thread that started the
	// process ends, so this thread must stay in Wait until the process is gone.
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
func pause(cmd *exec.Cmd)     { signal(cmd, syscall.SIGSTOP) }
func resume(cmd *exec.Cmd)    { signal(cmd, syscall.SIGCONT) }

// signal ignores its only possible error: the group is gone.
func signal(cmd *exec.Cmd, sig syscall.Signal) { syscall.Kill(-cmd.Process.Pid, sig) }
