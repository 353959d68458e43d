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
	closed bool       // no more are added
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

// onClose sets what to call when the Client closes the channel. It calls it at once if that has been.
func (l *listeners) onClose(in *inbox.Inbox[Frame], stop func()) {
	l.mu.Lock()
	i := slices.IndexFunc(l.all, func(one listener) bool { return one.in == in })
	if i >= 0 {
		l.all = slices.Clone(l.all)
		l.all[i].stop = stop
	}
	l.mu.Unlock()
	if i < 0 {
		stop()
	}
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

// leave has every channel closed when its consumer has taken what had arrived, and makes add refuse further ones. It
// returns the inboxes; each has to be given to left when its consumer is done, or given up.
func (l *listeners) leave() (ins []*inbox.Inbox[Frame]) {
	l.mu.Lock()
	all := l.all
	l.closed = true
	l.mu.Unlock()
	for _, one := range all {
		one.in.Drain()
		ins = append(ins, one.in)
	}
	return ins
}

// left closes a channel that leave has returned.
func (l *listeners) left(in *inbox.Inbox[Frame]) {
	l.mu.Lock()
	stop := func() {}
	l.all = slices.DeleteFunc(slices.Clone(l.all), func(one listener) bool {
		if one.in == in {
			stop = one.stop
		}
		return one.in == in
	})
	l.mu.Unlock()
	stop()
	in.End()
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
