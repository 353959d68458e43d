package broker

import (
	"net"
	"strconv"
	"strings"
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

// Another program, too, asks the system for the socket that stands for the port.
func TestClaim_holds_against_other_programs(t *testing.T) {
	port, err := takePort()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.ListenPacket("udp", address(port)); err == nil {
		c.Close()
		t.Errorf("port %d is another program's as well", port)
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

func TestUnused_finds_whoever_listens(t *testing.T) {
	free, err := takePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	if err := unused(free); err != nil {
		t.Error(err)
	}
	if err := unused(free, taken); err == nil || !strings.Contains(err.Error(), strconv.Itoa(taken)) {
		t.Errorf("%v, want that port %d is taken", err, taken)
	}
}
