package main

import "time"

// unknown is the time spent where the system does not tell.
const unknown time.Duration = -1

// since is how many seconds of CPU this process has spent since before; below 0
// where the system does not tell.
func since(before time.Duration) float64 {
	if before == unknown {
		return -1
	}
	return (cpu() - before).Seconds()
}
