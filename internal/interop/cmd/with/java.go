package main

import (
	"fmt"

	"github.com/webstomp/webstomp/internal/interop/broker"
)

// javaServer is a broker of package broker that has at least one URL.
type javaServer interface {
	broker.Broker
	URL() string
}

// prepareJava returns one of the brokers that run in Java, with its data in dir. A name without a version is the
// newest that has a WebSocket.
func prepareJava(name, dir string) (*servers, error) {
	var b javaServer
	var err error
	switch name {
	case "artemis":
		b, err = broker.NewArtemis(dir, "2.55.0")
	case "artemis-2.44":
		b, err = broker.NewArtemis(dir, "2.44.0")
	case "classic":
		b, err = broker.NewClassic(dir, broker.ClassicWebSocket)
	case "classic-5.18":
		b, err = broker.NewClassic(dir, "5.18.6")
	case "classic-6.3":
		b, err = broker.NewClassic(dir, "6.3.1")
	case "spring":
		b, err = broker.NewSpring(dir, broker.SpringOptions{})
	case "spring-jetty":
		b, err = broker.NewSpring(dir, broker.SpringOptions{Stack: broker.SpringJetty})
	case "spring-3.5":
		b, err = broker.NewSpring(dir, broker.SpringOptions{Stack: broker.SpringBoot3})
	case "vertx":
		b, err = broker.NewVertx(dir)
	case "openmq":
		b, err = broker.NewOpenMQ(dir)
	default:
		return nil, fmt.Errorf("there is no broker %q; %s", name, usage)
	}
	if err != nil {
		return nil, err
	}
	s := &servers{brokers: []broker.Broker{b}, ws: b.URL()}
	if also, ok := b.(interface{ TCPURL() string }); ok {
		s.tcp = also.TCPURL()
	}
	return s, nil
}
