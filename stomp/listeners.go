package stomp

import (
	"slices"
	"sync"

	"github.com/webstomp/webstomp/internal/inbox"
)

// listeners holds the channels of Unmatched. Only the read loop calls put; the rest may be called from any goroutine.
type listeners struct {
	mu     sync.Mutex // guards what follows; a leaf: nothing is locked below it
	all    []listener // replaced, never changed in place
	closed bool
}

type listener struct {
	in   *inbox.Inbox[Frame]
	stop func() // stops watching its ctx
}

func (l *listeners) add(in *inbox.Inbox[Frame]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.all = append(slices.Clone(l.all), listener{in: in, stop: func() {}})
	return true
}

// onClose sets what to call when the Client ends. It calls it at once if the Client has ended.
func (l *listeners) onClose(in *inbox.Inbox[Frame], stop func()) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		stop()
		return
	}
	l.all = slices.Clone(l.all)
	for i := range l.all {
		if l.all[i].in == in {
			l.all[i].stop = stop
		}
	}
	l.mu.Unlock()
}

func (l *listeners) remove(in *inbox.Inbox[Frame]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(slices.Clone(l.all), func(one listener) bool { return one.in == in })
}

func (l *listeners) put(f Frame) {
	l.mu.Lock()
	all := l.all
	l.mu.Unlock()
	for _, one := range all {
		one.in.Put(f)
	}
}

// close closes every channel, and makes add refuse further ones.
func (l *listeners) close() {
	l.mu.Lock()
	all := l.all
	l.all, l.closed = nil, true
	l.mu.Unlock()
	for _, one := range all {
		one.stop()
		one.in.End()
	}
}
