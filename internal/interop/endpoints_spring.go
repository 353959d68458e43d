package interop

import (
	"path/filepath"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// Spring on Tomcat accepts text messages of up to 16,640 bytes and binary ones of
// up to 8,192; on Jetty both may have 65,536.
var (
	tomcatSplit = stomp.WithMessageSplit(8000)
	tomcatLimit = limited{size: 20_000, says: "WithMessageSplit", connect: []stomp.ConnectOption{stomp.WithMessageSplit(1 << 30)}}
	jettySplit  = stomp.WithMessageSplit(65_000)
	jettyLimit  = limited{size: 70_000, says: "on Jetty", connect: []stomp.ConnectOption{stomp.WithMessageSplit(1 << 30)}}
)

func springEndpoints(dir string) ([]*Endpoint, error) {
	var all []*Endpoint
	for _, stack := range []struct {
		broker.SpringStack
		column string
		split  stomp.ConnectOption
		limited
	}{
		{broker.SpringTomcat, "Spring simple", tomcatSplit, tomcatLimit},
		{broker.SpringJetty, "Spring simple, Jetty", jettySplit, jettyLimit},
		{broker.SpringBoot3, "Spring simple, Boot 3", tomcatSplit, tomcatLimit},
	} {
		b, err := broker.NewSpring(filepath.Join(dir, "spring"+string(stack.SpringStack)), broker.SpringOptions{Stack: stack.SpringStack})
		if err != nil {
			return nil, err
		}
		all = append(all, &Endpoint{Column: stack.column, Broker: b, URL: b.URL(), Options: []stomp.ConnectOption{stack.split}, dialect: dialect{
			name:       springSimple,
			persistent: persistent,
			replyTo:    "/queue/replies-",
			limited:    stack.limited,
		}})
	}
	return all, nil
}
