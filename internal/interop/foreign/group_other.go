//go:build !unix

package foreign

import "os/exec"

// group does nothing: there are no process groups here, and the end of the command's
// context kills only the command.
func group(*exec.Cmd) {}
