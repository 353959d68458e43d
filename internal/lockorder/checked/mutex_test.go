package checked

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

type (
	lockA struct{}
	lockB struct{}
	lockC struct{}
)

func (lockA) LockName() string { return "x.A" }
func (lockB) LockName() string { return "x.B" }
func (lockC) LockName() string { return "x.C" }

func TestMutex_locks_in_order(t *testing.T) {
	violations := track(t, pair{"x.A", "x.B"})
	var a, other Mutex[lockA]
	var b Mutex[lockB]
	for range 2 {
		nest(&a, &b)
		nest(&b)
		other.Lock()
		b.Lock()
		other.Unlock() // they may be unlocked in any order
		b.Unlock()
	}
	want(t, violations)
}

func TestMutex_reports_the_pair_that_is_not_allowed(t *testing.T) {
	violations := track(t, pair{"x.A", "x.B"})
	var a Mutex[lockA]
	var b Mutex[lockB]
	nest(&b, &a)
	want(t, violations, "x.A is locked under x.B")
	for _, stack := range strings.Split((*violations)[0], " at\n")[1:] {
		if !strings.Contains(stack, "mutex_test.go:") {
			t.Errorf("no stack in %q", stack)
		}
	}
}

func TestMutex_compares_with_every_lock_that_is_held(t *testing.T) {
	violations := track(t, pair{"x.A", "x.B"}, pair{"x.B", "x.C"})
	var a Mutex[lockA]
	var b Mutex[lockB]
	var c Mutex[lockC]
	nest(&a, &b, &c)
	want(t, violations, "x.C is locked under x.A")
}

func TestMutex_reports_two_locks_of_one_type(t *testing.T) {
	violations := track(t)
	var one, other Mutex[lockA]
	nest(&one, &other)
	want(t, violations, "x.A is locked under x.A")
}

func TestMutex_tells_goroutines_apart(t *testing.T) {
	violations := track(t)
	var a Mutex[lockA]
	var b Mutex[lockB]
	a.Lock()
	inGoroutine(func() { nest(&b) })
	a.Unlock()
	want(t, violations)
}

func TestMutex_is_unlocked_by_the_goroutine_that_locked_it(t *testing.T) {
	violations := track(t)
	var a Mutex[lockA]
	a.Lock()
	inGoroutine(a.Unlock)
	want(t, violations, "x.A is unlocked by a goroutine that has not locked it")
}

func TestRWMutex_locks_in_order(t *testing.T) {
	violations := track(t, pair{"x.A", "x.B"})
	var a RWMutex[lockA]
	var b RWMutex[lockB]
	nest(&a, &b)
	nest(&a, reader[lockB]{&b})
	nest(reader[lockA]{&a}, &b)
	want(t, violations)
}

func TestRWMutex_reports_readers_too(t *testing.T) {
	violations := track(t, pair{"x.A", "x.B"})
	var a RWMutex[lockA]
	var b RWMutex[lockB]
	nest(reader[lockB]{&b}, reader[lockA]{&a})
	want(t, violations, "x.A is locked under x.B")
}

func TestRWMutex_reports_a_reader_that_reads_again(t *testing.T) {
	violations := track(t)
	var a RWMutex[lockA]
	nest(reader[lockA]{&a}, reader[lockA]{&a})
	want(t, violations, "x.A is locked under x.A")
}

func TestRWMutex_is_unlocked_by_the_goroutine_that_locked_it(t *testing.T) {
	violations := track(t)
	var a RWMutex[lockA]
	a.RLock()
	inGoroutine(a.RUnlock)
	want(t, violations, "x.A is unlocked by a goroutine that has not locked it")
}

func TestMutex_records_each_pair_once(t *testing.T) {
	path := filepath.Join(t.TempDir(), "observed")
	t.Setenv(ObservedEnv, path)
	track(t, allowedPairs("x.A → x.B\nx.B → x.C")...)
	var a Mutex[lockA]
	var b Mutex[lockB]
	for range 2 {
		nest(&a, &b)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "x.A → x.B\n" {
		t.Errorf("recorded %q", got)
	}
}

// TestMutex_violation_ends_the_process runs itself in a process of its own.
func TestMutex_violation_ends_the_process(t *testing.T) {
	const env = "WEBSTOMP_LOCKS_VIOLATE"
	if os.Getenv(env) != "" {
		var a Mutex[lockA]
		a.Lock()
		a.Lock() // reported rather than a deadlock
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), env+"=1")
	out, err := again.CombinedOutput()
	if err == nil || again.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "x.A is locked under x.A") {
		t.Errorf("%v, with\n%s", err, out)
	}
}

// track lets mutexes report to the test, until its end, in place of ending the process.
func track(t *testing.T, allowed ...pair) (violations *[]string) {
	violations = new([]string)
	before := process
	process = newTracker(allowed, func(violation string) { *violations = append(*violations, violation) })
	t.Cleanup(func() { process = before })
	return violations
}

// want compares the violations with what each has to contain.
func want(t *testing.T, violations *[]string, texts ...string) {
	t.Helper()
	if !slices.EqualFunc(*violations, texts, strings.Contains) {
		t.Errorf("reported %q, want %q", *violations, texts)
	}
}

// nest locks each lock under those before it, and unlocks them in the opposite order.
func nest(locks ...sync.Locker) {
	for _, l := range locks {
		l.Lock()
	}
	for _, l := range slices.Backward(locks) {
		l.Unlock()
	}
}

// reader locks a RWMutex for reading.
type reader[L Lock] struct{ *RWMutex[L] }

func (r reader[L]) Lock()   { r.RLock() }
func (r reader[L]) Unlock() { r.RUnlock() }

// inGoroutine runs f in a goroutine of its own.
func inGoroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
