package broker

import (
	"fmt"
	"strconv"
)

// ClassicVersions are the versions of ActiveMQ Classic that NewClassic knows, from
// the oldest to the newest. ClassicWebSocket is the newest of those that have a
// WebSocket: Maven Central has no later activemq-http.
var ClassicVersions = []string{"5.18.6", ClassicWebSocket, "6.3.1"}

const ClassicWebSocket = "6.1.8"

// Classic is an embedded ActiveMQ Classic. Its user guest, passcode guest, may do
// everything except use the queue forbidden.
type Classic struct {
	*javaServer
	stomp      int
	big, plain int // 0 without WebSocket
}

// NewClassic prepares a server of one of ClassicVersions in dir. The error is a
// *Missing if Java or Maven are not installed.
func NewClassic(dir, version string) (*Classic, error) {
	c := &Classic{}
	if err := takePorts(&c.stomp); err != nil {
		return nil, err
	}
	var err error
	if c.javaServer, err = newJavaServer("classic", "pom-"+version+".xml", dir, c.stomp); err != nil {
		return nil, fmt.Errorf("preparing ActiveMQ Classic %s: %w", version, err)
	}
	c.name, c.main = "ActiveMQ Classic", "Classic"
	c.args = []string{c.dir, strconv.Itoa(c.stomp)}
	if !c.source.has("activemq-http") {
		return c, nil
	}
	if err := takePorts(&c.big, &c.plain); err != nil {
		return nil, err
	}
	c.ports = append(c.ports, c.big, c.plain)
	c.args = append(c.args, strconv.Itoa(c.big), strconv.Itoa(c.plain))
	return c, nil
}

// URL accepts messages of up to 4 MiB; DefaultURL has the server's own limit of
// 64 KiB. Both are "" if this version has no WebSocket. TCPURL is STOMP without one.
func (c *Classic) URL() string        { return webSocketURL(c.big) }
func (c *Classic) DefaultURL() string { return webSocketURL(c.plain) }
func (c *Classic) TCPURL() string     { return "tcp://" + address(c.stomp) }

func webSocketURL(port int) string {
	if port == 0 {
		return ""
	}
	return "ws://" + address(port)
}
