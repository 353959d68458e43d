// Package interop starts real brokers and runs the client against them. It is
// for the project's own tests, which are opt-in: WEBSTOMP_INTEROP=1.
package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// rabbitServer is where Debian's package puts the script that starts a server
// in the foreground, for any user.
const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// RabbitMQ is a server of its own: on loopback, on free ports, with everything
// in one folder. It survives being killed: Start brings it back with the same
// ports and the same data.
type RabbitMQ struct {
	dir  string
	node string

	amqp, stomp, web, dist, epmd int

	cmd     *exec.Cmd
	console *bytes.Buffer
	exited  chan struct{} // closed when cmd has been waited for
}

// NewRabbitMQ prepares a server in dir. The error says how to get the package
// when it is missing.
func NewRabbitMQ(dir string) (*RabbitMQ, error) {
	if _, err := os.Stat(rabbitServer); err != nil {
		return nil, fmt.Errorf("no RabbitMQ: %w (apt-get install rabbitmq-server)", err)
	}
	r := &RabbitMQ{dir: dir}
	for _, port := range []*int{&r.amqp, &r.stomp, &r.web, &r.dist, &r.epmd} {
		var err error
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	r.node = fmt.Sprintf("webstomp%d@localhost", r.web)
	conf := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nstomp.listeners.tcp.1 = 127.0.0.1:%d\nweb_stomp.tcp.listener = 127.0.0.1:%d\nlog.console = true\nlog.file = false\n",
		r.amqp, r.stomp, r.web)
	for name, text := range map[string]string{
		"rabbitmq.conf":   conf,
		"enabled_plugins": "[rabbitmq_stomp,rabbitmq_web_stomp].\n",
		"env.conf":        "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// freePort finds a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// URL is the server's Web STOMP; TCPURL its STOMP on a bare socket.
func (r *RabbitMQ) URL() string    { return fmt.Sprintf("ws://127.0.0.1:%d/ws", r.web) }
func (r *RabbitMQ) TCPURL() string { return fmt.Sprintf("tcp://127.0.0.1:%d", r.stomp) }

// Start starts the server and waits, within ctx, until it accepts connections.
func (r *RabbitMQ) Start(ctx context.Context) error {
	r.console = new(bytes.Buffer)
	r.cmd = exec.Command(rabbitServer)
	r.cmd.Dir = r.dir
	r.cmd.Env = append(os.Environ(),
		"HOME="+r.dir, "RABBITMQ_NODENAME="+r.node,
		"RABBITMQ_CONF_ENV_FILE="+filepath.Join(r.dir, "env.conf"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(r.dir, "rabbitmq"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(r.dir, "enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+filepath.Join(r.dir, "mnesia"),
		"RABBITMQ_LOG_BASE="+filepath.Join(r.dir, "log"),
		"RABBITMQ_PID_FILE="+filepath.Join(r.dir, "pid"),
		"RABBITMQ_DIST_PORT="+strconv.Itoa(r.dist),
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+strconv.Itoa(r.epmd),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
	r.cmd.Stdout, r.cmd.Stderr = r.console, r.console
	// A group of its own: the script starts children that must not outlive it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	r.exited = exited
	go func() { // ends with the server, which Kill and Stop end
		r.cmd.Wait()
		close(exited)
	}()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if nc, err := net.DialTimeout("tcp", r.URL()[len("ws://"):len(r.URL())-len("/ws")], time.Second); err == nil {
			nc.Close()
			return nil
		}
		select {
		case <-ticker.C:
		case <-exited:
			return fmt.Errorf("RabbitMQ did not start:\n%s", r.console)
		case <-ctx.Done():
			r.Kill()
			return fmt.Errorf("RabbitMQ did not start: %w\n%s", ctx.Err(), r.console)
		}
	}
}

// Kill ends the server with SIGKILL, as a power cut would.
func (r *RabbitMQ) Kill() { r.signal(syscall.SIGKILL) }

// Stop ends the server, and the port mapper that it started.
func (r *RabbitMQ) Stop() {
	r.signal(syscall.SIGTERM)
	processes, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range processes {
		environ, err := os.ReadFile(p)
		if err != nil || !bytes.Contains(environ, []byte("ERL_EPMD_PORT="+strconv.Itoa(r.epmd)+"\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(p, "/")[2]); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// signal ends the process group and waits for it.
func (r *RabbitMQ) signal(sig syscall.Signal) {
	if r.cmd == nil {
		return
	}
	syscall.Kill(-r.cmd.Process.Pid, sig)
	<-r.exited
	r.cmd = nil
}
