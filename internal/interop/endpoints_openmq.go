package interop

import (
	"path/filepath"

	"github.com/webstomp/webstomp/internal/interop/broker"
)

func openMQEndpoints(dir string) ([]*Endpoint, error) {
	b, err := broker.NewOpenMQ(filepath.Join(dir, "openmq"))
	if err != nil {
		return nil, err
	}
	return []*Endpoint{{Column: "OpenMQ ws", Broker: b, URL: b.URL(), dialect: dialect{
		name:           openMQ,
		persistent:     persistent,
		replyTo:        "/queue/replies-", // not a temporary queue: its name has colons, and OpenMQ does not undo their escape
		durable:        jmsDurable("durable-subscriber-name"),
		forbidden:      "/queue/forbidden",
		nack:           discards,
		noHeartBeats:   true,
		oneTransaction: true,
	}}}, nil
}
