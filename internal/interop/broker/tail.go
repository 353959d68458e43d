package broker

import "sync"

// tailSize is how much of a console is kept: enough for the start of a server
// and a Java stack trace or two.
const tailSize = 64 << 10

// tail keeps the last tailSize bytes that were written to it. Its zero value is
// ready, and any number of goroutines may use it.
type tail struct {
	mu  sync.Mutex
	buf []byte // guarded by mu; up to twice tailSize, so that little is moved
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > tailSize {
		p = p[n-tailSize:]
	}
	if len(t.buf)+len(p) > 2*tailSize {
		t.buf = t.buf[:copy(t.buf, t.buf[len(t.buf)-tailSize:])]
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf[max(0, len(t.buf)-tailSize):])
}
