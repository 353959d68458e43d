package broker

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// Servers get ports below the system's ephemeral range, so that no other program
// is given one while its server is down for a restart.
const (
	firstPort = 20_000
	lastPort  = 31_999
)

// claims holds the ports of this program's servers, running or not: each is a UDP socket of the same number, which no
// server here uses. So no other program that takes ports in this way is given one either, such as other tests that
// run at the same time.
var claims struct {
	sync.Mutex
	held []net.PacketConn // guarded by Mutex; open until the program ends
}

// takePort returns a port that nobody listens on and that no server has.
func takePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if !claim(port) {
			continue
		}
		if l, err := net.Listen("tcp", address(port)); err == nil {
			l.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d on 127.0.0.1", firstPort, lastPort)
}

// claim reports whether the port is this program's from now on.
func claim(port int) bool {
	c, err := net.ListenPacket("udp", address(port))
	if err != nil {
		return false
	}
	claims.Lock()
	claims.held = append(claims.held, c) // or the garbage collector would close it
	claims.Unlock()
	return true
}

// takePorts sets each of ports to a different port.
func takePorts(ports ...*int) error {
	for _, p := range ports {
		var err error
		if *p, err = takePort(); err != nil {
			return err
		}
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// accepts reports whether all ports accept a connection.
func accepts(ports ...int) bool {
	for _, port := range ports {
		nc, err := net.DialTimeout("tcp", address(port), time.Second)
		if err != nil {
			return false
		}
		nc.Close()
	}
	return true
}

// TakeAddress returns a host and port of loopback for a server of the test's own that has to come back there: no
// other program is given it meanwhile.
func TakeAddress() (string, error) {
	port, err := takePort()
	if err != nil {
		return "", err
	}
	return address(port), nil
}

// unused returns an error if somebody listens on one of ports: a program that was given the same one meanwhile. A
// server in Java may only log that it could not listen, and its clients would talk to that program.
func unused(ports ...int) error {
	for _, port := range ports {
		if accepts(port) {
			return fmt.Errorf("another program listens on port %d", port)
		}
	}
	return nil
}
