package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// RabbitMQ is one of Debian's RabbitMQs with Web STOMP. Its users guest (who may do
// everything) and limited (everything except the queue forbidden) have their names
// as passcodes. max_message_size is 4 MiB, so that tests can exceed it.
type RabbitMQ struct {
	at   installation
	dir  string
	node string

	amqp, stomp, web, dist, epmd int

	cluster *Cluster // nil: it is alone
	paused  bool     // see Pause

	mapper, run *process // of the last start; nil: never started, or the mapper is the cluster's
}

// RabbitMQOptions are settings that differ from the server's defaults.
type RabbitMQOptions struct {
	Release      RabbitMQRelease // which RabbitMQ; RabbitMQ40 by default
	BinaryFrames bool            // web_stomp.ws_frame = binary: the server sends binary messages
	MaxFrame     int             // bytes of a WebSocket message, by the setting that limits it in this version; 0: the default
}

// NewRabbitMQ prepares a server in dir. The error is a *Missing if the release is not
// on this machine.
func NewRabbitMQ(dir string, o RabbitMQOptions) (*RabbitMQ, error) {
	r, err := placeRabbitMQ(dir, o.Release)
	if err != nil {
		return nil, err
	}
	if err := r.configure(o); err != nil {
		return nil, fmt.Errorf("preparing RabbitMQ: %w", err)
	}
	return r, nil
}

// placeRabbitMQ gives a server its folder, its ports and its name.
func placeRabbitMQ(dir string, release RabbitMQRelease) (*RabbitMQ, error) {
	at, err := release.find()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir) // an argument of the server, which runs there
	if err != nil {
		return nil, err
	}
	r := &RabbitMQ{at: at, dir: dir}
	if err := takePorts(&r.amqp, &r.stomp, &r.web, &r.dist, &r.epmd); err != nil {
		return nil, err
	}
	r.node = fmt.Sprintf("webstomp%d@localhost", r.web)
	return r, nil
}

// URL is the server's Web STOMP; TCPURL is STOMP without WebSocket.
func (r *RabbitMQ) URL() string    { return "ws://" + address(r.web) + "/ws" }
func (r *RabbitMQ) TCPURL() string { return "tcp://" + address(r.stomp) }

func (r *RabbitMQ) Name() string { return "RabbitMQ" }

// Version returns the version of what is installed, such as 4.0.5; "?" if it cannot be told.
func (r *RabbitMQ) Version() string { return r.at.version() }

func (r *RabbitMQ) Start(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		r.Kill()
		return fmt.Errorf("starting RabbitMQ %s: %w", r.Version(), err)
	}
	return nil
}

func (r *RabbitMQ) start(ctx context.Context) error {
	var err error
	if r.cluster == nil {
		if r.mapper, err = r.startMapper(ctx); err != nil {
			return err
		}
	}
	console := new(tail)
	if r.run, err = launch(r.command(r.at.program("rabbitmq-server")), console); err != nil {
		return err
	}
	// The listeners accept some time before the server serves.
	return r.run.await(ctx, func() bool {
		return strings.Contains(console.String(), "Server startup complete") && accepts(r.amqp, r.stomp, r.web)
	})
}

// startMapper starts Erlang's port mapper. If it did not run, the server would start one as a daemon that Stop and Kill
// could not end.
func (r *RabbitMQ) startMapper(ctx context.Context) (*process, error) {
	mapper, err := launch(r.command(r.at.epmd()), new(tail))
	if err != nil {
		return nil, err
	}
	if err := mapper.await(ctx, func() bool { return accepts(r.epmd) }); err != nil {
		return nil, fmt.Errorf("its port mapper: %w", err)
	}
	return mapper, nil
}

// command returns one of the server's programs, confined to its folder and ports.
func (r *RabbitMQ) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, r.environ()
	return cmd
}

func (r *RabbitMQ) Stop() { r.end((*process).stop) }
func (r *RabbitMQ) Kill() { r.end((*process).kill) }

func (r *RabbitMQ) end(how func(*process)) {
	if r.paused {
		r.Resume()
	}
	for _, p := range []*process{r.run, r.mapper} {
		if p != nil {
			how(p)
		}
	}
}

func (r *RabbitMQ) DeleteQueue(ctx context.Context, name string) error {
	if err := r.control(ctx, "delete_queue", name); err != nil {
		return fmt.Errorf("RabbitMQ: deleting the queue %s: %w", name, err)
	}
	return nil
}

// LimitHost sets how many connections the virtual host / takes, LimitUser how many of a user. Those above the limit
// stay. A limit outlives a restart; -1 lifts it.
func (r *RabbitMQ) LimitHost(ctx context.Context, connections int) error {
	if err := r.control(ctx, "set_vhost_limits", "-p", "/", maxConnections(connections)); err != nil {
		return fmt.Errorf("RabbitMQ: limiting the virtual host: %w", err)
	}
	return nil
}

// LimitUser is described at LimitHost.
func (r *RabbitMQ) LimitUser(ctx context.Context, user string, connections int) error {
	if err := r.control(ctx, "set_user_limits", user, maxConnections(connections)); err != nil {
		return fmt.Errorf("RabbitMQ: limiting the user %s: %w", user, err)
	}
	return nil
}

// LimitQueues has the queues whose names match pattern, a regular expression, reject what comes when they hold so many
// messages.
func (r *RabbitMQ) LimitQueues(ctx context.Context, pattern string, messages int) error {
	err := r.control(ctx, "set_policy", "--apply-to", "queues", "limit", pattern, fmt.Sprintf(`{"max-length": %d, "overflow": "reject-publish"}`, messages))
	if err != nil {
		return fmt.Errorf("RabbitMQ: limiting the queues %s: %w", pattern, err)
	}
	return nil
}

func maxConnections(n int) string { return fmt.Sprintf(`{"max-connections": %d}`, n) }

// control runs rabbitmqctl within ctx.
func (r *RabbitMQ) control(ctx context.Context, args ...string) error {
	_, err := r.ask(ctx, args...)
	return err
}

// ask runs rabbitmqctl within ctx, and returns what it says on its standard output.
func (r *RabbitMQ) ask(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"-q", "-n", r.node}, args...)
	cmd := r.command(r.at.program("rabbitmqctl"), args...)
	var answer bytes.Buffer
	console := new(tail)
	cmd.Stdout = io.MultiWriter(&answer, console)
	run, err := launch(cmd, console)
	if err != nil {
		return "", err
	}
	if err := run.finish(ctx); err != nil {
		return "", err
	}
	return answer.String(), nil
}
