package stompotel

import (
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/webstomp/webstomp/stomp"
)

// server is what attributes say of the server of a session. It is not changed.
type server struct {
	url, header string // of the Session that it was made from
	attributes  []attribute.KeyValue
	set         attribute.Set // the same without messaging.client.id, to compare
}

func newServer(s stomp.Session, clientID string) *server {
	v := &server{url: s.URL, header: s.Server, attributes: []attribute.KeyValue{systemOf(s.Server)}}
	address, port := addressOf(s.URL)
	if address != "" {
		v.attributes = append(v.attributes, semconv.ServerAddress(clean(address))) // with %e9 in the URL it is not
	}
	if port != 0 {
		v.attributes = append(v.attributes, semconv.ServerPort(port))
	}
	v.set = attribute.NewSet(v.attributes...)
	if clientID != "" {
		v.attributes = append(v.attributes, semconv.MessagingClientID(clean(clientID)))
	}
	return v
}

// systemStomp is the messaging.system of servers that the conventions have no value for: what is known of them is the
// protocol, as with jms.
var systemStomp = semconv.MessagingSystemKey.String("stomp")

// systemOf returns messaging.system by CONNECTED's server header.
func systemOf(header string) attribute.KeyValue {
	switch {
	case strings.HasPrefix(header, "RabbitMQ"):
		return semconv.MessagingSystemRabbitMQ
	case strings.HasPrefix(header, "ActiveMQ"): // Classic, and ActiveMQ-Artemis
		return semconv.MessagingSystemActiveMQ
	}
	return systemStomp
}

// addressOf returns the host and port of an endpoint; "" and 0 where they are not known.
func addressOf(endpoint string) (address string, port int) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", 0
	}
	if port, err = strconv.Atoi(u.Port()); err == nil {
		return u.Hostname(), port
	}
	switch u.Scheme { // as the client dials
	case "ws", "http":
		port = 80
	case "wss", "https":
		port = 443
	case "tcp", "stomp", "tls", "stomp+ssl":
		port = 61613
	}
	return u.Hostname(), port
}
