//go:build !unix

package group

import (
	"errors"
	"os/exec"
	"runtime"
)

func run(*exec.Cmd, func()) error {
	return errors.New("process groups need Unix, and this is " + runtime.GOOS)
}

// No process was ever started.
func interrupt(*exec.Cmd) {}
func terminate(*exec.Cmd) {}
func kill(*exec.Cmd)      {}
func pause(*exec.Cmd)     {}
func resume(*exec.Cmd)    {}
