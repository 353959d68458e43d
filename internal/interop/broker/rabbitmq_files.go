package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rabbitDefinitions are the users. With a definitions file RabbitMQ does not create
// guest by itself. The pattern matches every name except one: STOMP declares a
// queue before it uses it, which needs the permission to configure it.
const rabbitDefinitions = `{
	"vhosts": [{"name": "/"}],
	"users": [
		{"name": "guest", "password": "guest", "tags": ["administrator"]},
		{"name": "limited", "password": "limited", "tags": []}
	],
	"permissions": [
		{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
		{"user": "limited", "vhost": "/", "configure": "^(?!forbidden$)", "write": "^(?!forbidden$)", "read": "^(?!forbidden$)"}
	]
}
`

// configure writes the server's configuration files.
func (r *RabbitMQ) configure(o RabbitMQOptions) error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	var conf strings.Builder
	set := func(name string, value any) { fmt.Fprintf(&conf, "%s = %v\n", name, value) }
	set("listeners.tcp.1", address(r.amqp))
	set("stomp.listeners.tcp.1", address(r.stomp))
	set("web_stomp.tcp.listener", address(r.web))
	set("log.console", true)
	if r.cluster == nil {
		set("log.file", false)
	}
	set("max_message_size", 4<<20)
	set("load_definitions", filepath.Join(r.dir, "definitions.json"))
	if o.BinaryFrames {
		set("web_stomp.ws_frame", "binary")
	}
	if o.MaxFrame > 0 {
		name := "web_stomp.ws_opts.max_frame_size"
		if atLeast(r.Version(), 4, 2, 6) { // the other one has no effect any more
			name = "stomp.max_frame_size"
		}
		set(name, o.MaxFrame)
	}
	if r.cluster != nil {
		r.cluster.configure(set)
		set("log.file", r.Log())
		if err := r.shareCookie(); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"rabbitmq.conf":    conf.String(),
		"definitions.json": rabbitDefinitions,
		"enabled_plugins":  "[rabbitmq_stomp,rabbitmq_web_stomp].\n",
		"env.conf":         "", // overrides the machine's own
	} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// environ returns the environment that confines the server, its port mapper and
// its tools to the folder and to loopback.
func (r *RabbitMQ) environ() []string {
	return append(r.at.environ(),
		"HOME="+r.dir,
		"RABBITMQ_NODENAME="+r.node,
		"RABBITMQ_CONF_ENV_FILE="+filepath.Join(r.dir, "env.conf"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(r.dir, "rabbitmq"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(r.dir, "enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+filepath.Join(r.dir, "mnesia"),
		"RABBITMQ_LOG_BASE="+filepath.Join(r.dir, "log"),
		"RABBITMQ_PID_FILE="+filepath.Join(r.dir, "pid"),
		"RABBITMQ_DIST_PORT="+strconv.Itoa(r.dist),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"ERL_EPMD_PORT="+strconv.Itoa(r.epmd),
		// On few cores, which it shares with the tests, Erlang must not spin for work that may come (+sbwt).
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
		// With this the start script becomes the server instead of waiting beside it.
		"RUNNING_UNDER_SYSTEMD=true")
}
