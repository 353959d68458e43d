package broker

import (
	"fmt"
	"strconv"
)

// ArtemisVersions are the versions of ActiveMQ Artemis that NewArtemis knows: the
// newest that is complete in Maven Central, and before it an older one.
var ArtemisVersions = []string{"2.44.0", "2.55.0"}

// Artemis is an embedded ActiveMQ Artemis: /queue/ is anycast, /topic/ multicast.
// Its user guest, passcode guest, may do everything except use the queue forbidden.
type Artemis struct {
	*javaServer
	binary, text, deflate int
}

// NewArtemis prepares a server of one of ArtemisVersions in dir. The error is a
// *Missing where Java or Maven are.
func NewArtemis(dir, version string) (*Artemis, error) {
	a := &Artemis{}
	if err := takePorts(&a.binary, &a.text, &a.deflate); err != nil {
		return nil, err
	}
	var err error
	a.javaServer, err = newJavaServer("artemis", "pom-"+version+".xml", dir, a.binary, a.text, a.deflate)
	if err != nil {
		return nil, fmt.Errorf("preparing ActiveMQ Artemis %s: %w", version, err)
	}
	a.name, a.main = "ActiveMQ Artemis", "Artemis"
	a.args = []string{a.dir, strconv.Itoa(a.binary), strconv.Itoa(a.text), strconv.Itoa(a.deflate)}
	return a, nil
}

// URL is the acceptor with Artemis's defaults, which sends binary messages. TextURL
// is one that sends text, DeflateURL one that compresses. TCPURL is STOMP without
// WebSocket, at the first.
func (a *Artemis) URL() string        { return "ws://" + address(a.binary) }
func (a *Artemis) TextURL() string    { return "ws://" + address(a.text) }
func (a *Artemis) DeflateURL() string { return "ws://" + address(a.deflate) }
func (a *Artemis) TCPURL() string     { return "tcp://" + address(a.binary) }
