package broker

import (
	"net"
	"testing"
)

func TestTakePorts_gives_no_port_twice(t *testing.T) {
	ports := make([]int, 500)
	taken := make(map[int]bool)
	for i := range ports {
		if err := takePorts(&ports[i]); err != nil {
			t.Fatal(err)
		}
		if p := ports[i]; p < firstPort || p > lastPort || taken[p] {
			t.Fatalf("port %d is out of range, or given twice", p)
		}
		taken[ports[i]] = true
	}
}

func TestAccepts_needs_every_port(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().(*net.TCPAddr).Port
	if !accepts(open) {
		t.Error("a listener does not accept")
	}
	closed, err := takePort()
	if err != nil {
		t.Fatal(err)
	}
	if accepts(open, closed) {
		t.Error("one of two ports accepts, and accepts reports both")
	}
	l.Close()
	if accepts(open) {
		t.Error("a closed listener accepts")
	}
}
