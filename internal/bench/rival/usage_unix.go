//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpu is what this process has spent so far, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return unknown
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
