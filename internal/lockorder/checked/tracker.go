package checked

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ObservedEnv is the environment variable that names a file; each pair that a process observes is added to it, as a
// line of its own.
const ObservedEnv = "WEBSTOMP_LOCKS_OBSERVED"

// AllowedEnv is the environment variable that has the pairs that are allowed, a line each; all others are forbidden.
const AllowedEnv = "WEBSTOMP_LOCKS_ALLOWED"

// process is what the mutexes of this process report to.
var process = newTracker(allowedPairs(os.Getenv(AllowedEnv)), func(violation string) {
	fmt.Fprintln(os.Stderr, violation)
	os.Exit(2)
})

// pair is two locks of which one is taken while the other is held.
type pair struct{ outer, inner string }

// String returns the line for p in AllowedEnv and in the file of ObservedEnv.
func (p pair) String() string { return p.outer + arrow + p.inner }

const arrow = " → "

// allowedPairs reads the lines of AllowedEnv.
func allowedPairs(lines string) (pairs []pair) {
	for line := range strings.SplitSeq(lines, "\n") {
		if outer, inner, ok := strings.Cut(line, arrow); ok {
			pairs = append(pairs, pair{outer, inner})
		}
	}
	return pairs
}

// tracker knows which goroutine holds which locks. It allocates at the first lock that a goroutine takes and then no
// more, so that tests which count allocations hold.
type tracker struct {
	allowed map[pair]bool
	violate func(violation string) // called with mu held

	mu       sync.Mutex                // guards what follows
	held     map[goroutine]*[]heldLock // the latest last. Never removed: there are as many as goroutines at a time
	observed map[pair]bool
}

// A heldLock is one that was taken, and where.
type heldLock struct {
	lock any // a pointer
	name string
	pcs  [8]uintptr // of the innermost functions
}

func newTracker(allowed []pair, violate func(string)) *tracker {
	t := &tracker{
		allowed:  make(map[pair]bool),
		violate:  violate,
		held:     make(map[goroutine]*[]heldLock),
		observed: make(map[pair]bool),
	}
	for _, p := range allowed {
		t.allowed[p] = true
	}
	return t
}

// take notes that the calling goroutine is about to lock lock. That comes before it waits for it: what is wrong is
// told even where it would have been a deadlock.
func (t *tracker) take(lock any, name string) {
	taken := heldLock{lock: lock, name: name}
	runtime.Callers(3, taken.pcs[:])

	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.heldLocked()
	for _, outer := range *held {
		t.checkLocked(outer, taken)
	}
	*held = append(*held, taken)
}

// release notes that the calling goroutine is about to unlock lock.
func (t *tracker) release(lock any, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.heldLocked()
	i := slices.IndexFunc(*held, func(l heldLock) bool { return l.lock == lock })
	if i < 0 {
		released := heldLock{name: name}
		runtime.Callers(3, released.pcs[:])
		t.violate(fmt.Sprintf("lock order: %s is unlocked by a goroutine that has not locked it\n%s", name, released.where()))
		return
	}
	*held = slices.Delete(*held, i, i+1)
}

// heldLocked returns the locks that the calling goroutine holds.
func (t *tracker) heldLocked() *[]heldLock {
	g := currentGoroutine()
	held := t.held[g]
	if held == nil {
		held = new([]heldLock)
		t.held[g] = held
	}
	return held
}

// checkLocked reports inner, taken under outer, unless it is allowed.
func (t *tracker) checkLocked(outer, inner heldLock) {
	p := pair{outer.name, inner.name}
	if !t.allowed[p] {
		t.violate(fmt.Sprintf("lock order: %s is locked under %s, which internal/lockorder/order.go does not allow\n%s was locked at\n%sand %s at\n%s",
			inner.name, outer.name, outer.name, outer.where(), inner.name, inner.where()))
		return
	}
	if !t.observed[p] {
		t.observed[p] = true
		record(p)
	}
}

// record adds a pair to the file that the environment names, if it names one.
func record(p pair) {
	path := os.Getenv(ObservedEnv)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, p.String()+"\n"); err != nil {
		panic(err)
	}
}

// where is the stack on which l was taken, as a panic prints it.
func (l heldLock) where() string {
	var b strings.Builder
	frames := runtime.CallersFrames(l.pcs[:])
	for {
		f, more := frames.Next()
		if f.Function != "" {
			b.WriteString("\t" + f.Function + "\n\t\t" + f.File + ":" + strconv.Itoa(f.Line) + "\n")
		}
		if !more {
			return b.String()
		}
	}
}
