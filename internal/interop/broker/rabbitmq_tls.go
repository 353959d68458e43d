package broker

import (
	"fmt"
	"strings"
)

// RabbitMQTLS are the settings of a server's listeners with TLS. Its files are PEM.
type RabbitMQTLS struct {
	Certificate string   // the server's certificate and its key
	Authorities string   // CAs of the clients' certificates
	Required    bool     // clients need a certificate
	Login       bool     // the common name of a client's certificate is its login, where CONNECT has none
	Versions    []string // such as tlsv1.2; none: the default
}

// URLTLS is the server's Web STOMP with TLS; TCPURLTLS is STOMP with TLS and without WebSocket.
func (r *RabbitMQ) URLTLS() string    { return "wss://" + address(r.webTLS) + "/ws" }
func (r *RabbitMQ) TCPURLTLS() string { return "tls://" + address(r.stompTLS) }

// configureTLS sets the listeners with TLS, and returns the file for what has no setting. STOMP's own goes by the
// settings of the server as a whole, Web STOMP's has its own.
func (r *RabbitMQ) configureTLS(o RabbitMQTLS, set func(name string, value any)) (advanced string) {
	set("stomp.listeners.ssl.1", address(r.stompTLS))
	set("web_stomp.ssl.listener", address(r.webTLS))
	for _, of := range []string{"ssl_options", "web_stomp.ssl"} {
		set(of+".cacertfile", o.Authorities)
		set(of+".certfile", o.Certificate)
		set(of+".keyfile", o.Certificate)
		for i, version := range o.Versions {
			set(fmt.Sprintf("%s.versions.%d", of, i+1), version)
		}
	}
	if o.Login {
		set("stomp.ssl_cert_login", true)
		set("ssl_cert_login_from", "common_name")
	}
	advanced = "[].\n"
	if !o.Required {
		return advanced
	}
	set("ssl_options.verify", "verify_peer")
	set("ssl_options.fail_if_no_peer_cert", true)
	if atLeast(r.Version(), 4, 3) {
		set("web_stomp.ssl.verify", "verify_peer")
		set("web_stomp.ssl.fail_if_no_peer_cert", true)
		return advanced
	}
	// Web STOMP has no setting for it before. What stands here replaces all of its settings for TLS.
	var versions string
	if len(o.Versions) > 0 {
		versions = ",\n  {versions, ['" + strings.Join(o.Versions, "', '") + "']}"
	}
	return fmt.Sprintf(`[{rabbitmq_web_stomp, [{ssl_config, [
  {ip, "127.0.0.1"}, {port, %d}, {verify, verify_peer}, {fail_if_no_peer_cert, true},
  {cacertfile, %q}, {certfile, %q}, {keyfile, %[3]q}%s
]}]}].
`, r.webTLS, o.Authorities, o.Certificate, versions)
}
