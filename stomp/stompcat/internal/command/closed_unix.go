//go:build unix

package command

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pollEvery is how long a poll may take, and so how long the end waits for it.
const pollEvery = 100 * time.Millisecond

// watchClosed returns a channel that is closed when nobody reads the pipe w any more, also while nothing is written
// to it; nil for anything but a pipe. stop joins what looks.
func watchClosed(w io.Writer) (closed <-chan struct{}, stop func()) {
	f, ok := w.(*os.File)
	if !ok || !isPipe(f) {
		return nil, func() {}
	}
	found, stopped := make(chan struct{}), make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() { // joined by stop
		fds := []unix.PollFd{{Fd: int32(f.Fd())}} // no events: what is reported is an error or a hang-up
		for {
			n, err := unix.Poll(fds, int(pollEvery.Milliseconds()))
			switch {
			case err == nil && n > 0:
				close(found)
				return
			case err != nil && err != unix.EINTR:
				return
			}
			select {
			case <-stopped:
				return
			default:
			}
		}
	})
	return found, func() { close(stopped); looking.Wait() }
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}
