package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// VertxVersion is the version of Vert.x that NewVertx starts: the newest in Maven
// Central.
const VertxVersion = "5.1.6"

// Vertx is the STOMP server of Vert.x: a library for servers that serve their own
// handlers, not a message broker. Its user is guest, passcode guest.
type Vertx struct {
	*javaServer
	ws, stomp int
}

// NewVertx prepares a server in dir. The error is a *Missing if Java or Maven are not
// installed.
func NewVertx(dir string) (*Vertx, error) {
	v := &Vertx{}
	if err := takePorts(&v.ws, &v.stomp); err != nil {
		return nil, err
	}
	var err error
	if v.javaServer, err = newJavaServer("vertx", "pom-"+VertxVersion+".xml", dir, v.ws, v.stomp); err != nil {
		return nil, fmt.Errorf("preparing Vert.x: %w", err)
	}
	v.name, v.main = "Vert.x", "Vertx"
	v.args = []string{strconv.Itoa(v.ws), strconv.Itoa(v.stomp)}
	return v, nil
}

// URL is the WebSocket. TCPURL is STOMP without one.
func (v *Vertx) URL() string    { return webSocketURL(v.ws) + "/stomp" }
func (v *Vertx) TCPURL() string { return "tcp://" + address(v.stomp) }

// DeleteQueue fails with errors.ErrUnsupported: a queue is there as long as it has
// subscribers.
func (v *Vertx) DeleteQueue(_ context.Context, name string) error {
	return fmt.Errorf("%s: deleting the queue %s: %w", v.name, name, errors.ErrUnsupported)
}
