package interop

import (
	"path/filepath"
	"strings"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

func vertxEndpoints(dir string) ([]*Endpoint, error) {
	b, err := broker.NewVertx(filepath.Join(dir, "vertx"))
	if err != nil {
		return nil, err
	}
	return []*Endpoint{{Column: "Vert.x ws", Broker: b, URL: b.URL(), dialect: dialect{
		name:           vertx,
		persistent:     persistent,
		replyTo:        "/queue/replies-",
		rawHeaderNames: true,
		wrongLogin:     "valid credentials",
		limited:        limited{size: 1, options: []stomp.SendOption{stomp.WithHeader("long", strings.Repeat("x", 11<<10))}, says: "Header length exceeded"},
	}}}, nil
}
