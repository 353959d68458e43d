package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Spring is a Spring Boot application with a STOMP endpoint: the simple broker, or
// the relay in front of another one. It passes STOMP frames of up to 4 MiB; the web
// server's limits for a WebSocket message are the defaults, so clients must split:
// Tomcat takes 16,640 characters of text and 8,192 bytes of binary, Jetty 65,536
// bytes of either.
type Spring struct {
	*javaServer
	port int
}

// SpringStack is a Spring Boot on a web server.
type SpringStack string

const (
	SpringTomcat     SpringStack = ""            // the newest Boot, on Tomcat 11
	SpringJetty      SpringStack = "4.1.2-jetty" // the same, on Jetty 12
	SpringBoot3      SpringStack = "3.5.16"      // the last of Boot 3, on Tomcat 10
	newestSpringBoot             = "4.1.2"
)

// SpringOptions choose the broker. By default Spring handles the frames of one
// client in any order, with the relay too: a SEND before an earlier SUBSCRIBE, the
// third SEND before the second. No client can change that, so the tests set
// setPreserveReceiveOrder and setPreservePublishOrder.
type SpringOptions struct {
	Stack     SpringStack
	Backend   *RabbitMQ // the broker behind the relay; nil: the simple broker
	Unordered bool      // Spring's own default
}

// NewSpring prepares a server in dir. The error is a *Missing if Java or Maven are
// not installed. The relay starts only while its backend runs.
func NewSpring(dir string, o SpringOptions) (*Spring, error) {
	s := &Spring{}
	if err := takePorts(&s.port); err != nil {
		return nil, err
	}
	var err error
	if s.javaServer, err = newJavaServer("spring", o.Stack.pom(), dir, s.port); err != nil {
		return nil, fmt.Errorf("preparing Spring: %w", err)
	}
	s.name, s.main = "Spring simple broker", "Spring"
	s.args = []string{
		"--server.address=127.0.0.1", "--server.port=" + strconv.Itoa(s.port),
		"--server.tomcat.basedir=" + s.dir,
		"--spring.main.banner-mode=off", "--logging.level.root=warn",
		"--ordered=" + strconv.FormatBool(!o.Unordered),
	}
	if o.Backend != nil {
		s.name = "Spring relay"
		s.args = append(s.args, "--relay.host=127.0.0.1", "--relay.port="+strconv.Itoa(o.Backend.stomp))
	}
	web := "Tomcat " + s.source.property("tomcat.version")
	if jetty := s.source.property("jetty.version"); jetty != "" {
		web = "Jetty " + jetty
	}
	s.version = fmt.Sprintf("Boot %s, Framework %s, %s", s.source.property("version"), s.source.property("spring-framework.version"), web)
	return s, nil
}

// pom is the name of the stack's pom in fixtures/spring.
func (s SpringStack) pom() string {
	if s == SpringTomcat {
		s = newestSpringBoot
	}
	return "pom-" + string(s) + ".xml"
}

// URL is the only endpoint.
func (s *Spring) URL() string { return "ws://" + address(s.port) + "/ws" }

// DeleteQueue fails with errors.ErrUnsupported: the simple broker has no queues, and
// those behind the relay belong to the backend.
func (s *Spring) DeleteQueue(_ context.Context, name string) error {
	return fmt.Errorf("%s: deleting the queue %s: %w", s.name, name, errors.ErrUnsupported)
}
