package group

import "syscall"

// endWithParent asks for a SIGTERM when the thread that starts the process ends.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
