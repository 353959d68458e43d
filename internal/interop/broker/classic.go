package broker

import (
	"fmt"
	"strconv"
)

// ClassicVersions are the versions of ActiveMQ Classic that NewClassic knows: of
// each major version the newest that was complete in Maven Central.
var ClassicVersions = []string{"5.18.6", "6.1.8"}

// Classic is an embedded ActiveMQ Classic with its ws transport. Its user guest,
// passcode guest, may do everything except use the queue forbidden.
type Classic struct {
	*javaServer
	big, plain, stomp int
}

// NewClassic prepares a server of one of ClassicVersions in dir. The error is a
// *Missing if Java or Maven are not installed.
func NewClassic(dir, version string) (*Classic, error) {
	c := &Classic{}
	if err := takePorts(&c.big, &c.plain, &c.stomp); err != nil {
		return nil, err
	}
	var err error
	c.javaServer, err = newJavaServer("classic", "pom-"+version+".xml", dir, c.big, c.plain, c.stomp)
	if err != nil {
		return nil, fmt.Errorf("preparing ActiveMQ Classic %s: %w", version, err)
	}
	c.name, c.main = "ActiveMQ Classic", "Classic"
	c.args = []string{c.dir, strconv.Itoa(c.big), strconv.Itoa(c.plain), strconv.Itoa(c.stomp)}
	return c, nil
}

// URL accepts messages of up to 4 MiB; DefaultURL has the server's own limit of
// 64 KiB. TCPURL is STOMP without WebSocket.
func (c *Classic) URL() string        { return "ws://" + address(c.big) }
func (c *Classic) DefaultURL() string { return "ws://" + address(c.plain) }
func (c *Classic) TCPURL() string     { return "tcp://" + address(c.stomp) }
