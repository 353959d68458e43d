package stompotel

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/webstomp/webstomp/stomp"
)

// server is what attributes say of the server of a session. It is not changed.
type server struct {
	url, header string               // of the Session that it was made from
	attributes  []attribute.KeyValue // of spans
	series      []attribute.KeyValue // of metrics: the same, or those of all servers beyond the limit
	set         attribute.Set        // series without messaging.client.id, to compare
	isOther     bool                 // beyond the limit
}

// maxServers is how many servers have series of their own, those of one Telemetry and those of one account:
// WithBeforeConnect may lead to another address each time.
const maxServers = 16

func newServer(s stomp.Session, clientID string) *server {
	v := &server{url: s.URL, header: s.Server}
	where := []attribute.KeyValue{systemOf(s.Server)}
	address, port := addressOf(s.URL)
	if address != "" {
		where = append(where, semconv.ServerAddress(clean(address))) // with %e9 in the URL it is not
	}
	if port != 0 {
		where = append(where, semconv.ServerPort(port))
	}
	v.attributes = withClientID(where, clientID)
	v.series, v.set = v.attributes, attribute.NewSet(where...)
	return v
}

// other returns a copy whose series are those of all servers beyond the limit.
func (v *server) other(clientID string) *server {
	where := []attribute.KeyValue{systemOf(v.header), semconv.ServerAddress(other)}
	return &server{url: v.url, header: v.header, attributes: v.attributes, series: withClientID(where, clientID), set: attribute.NewSet(where...), isOther: true}
}

// withClientID returns a copy with messaging.client.id, if there is one.
func withClientID(attributes []attribute.KeyValue, id string) []attribute.KeyValue {
	attributes = slices.Clone(attributes)
	if id != "" {
		attributes = append(attributes, semconv.MessagingClientID(clean(id)))
	}
	return attributes
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
