package group

import "syscall"

// endWithParent asks for a SIGTERM when the thread ends that starts the process.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
