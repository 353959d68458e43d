package broker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/interop/broker/group"
)

// Cluster is RabbitMQ on several nodes, all of them on loopback, each with its own folder and ports. They share a port
// mapper, which stays when nodes end.
type Cluster struct {
	// Nodes are its servers, in no order. Start, Stop and Kill of one leave the others alone; Start returns when the node
	// is a member again.
	Nodes []*RabbitMQ

	mapper *process // of the last start; nil: never started
}

// NewCluster prepares a cluster of that many nodes in dir. The error is a *Missing if the package is not installed.
func NewCluster(dir string, nodes int, o RabbitMQOptions) (*Cluster, error) {
	c := new(Cluster)
	for i := range nodes {
		r, err := placeRabbitMQ(filepath.Join(dir, fmt.Sprint("node", i+1)), o.Release)
		if err != nil {
			return nil, err
		}
		r.cluster = c
		c.Nodes = append(c.Nodes, r)
		r.epmd = c.Nodes[0].epmd
	}
	for _, r := range c.Nodes {
		if err := r.configure(o); err != nil {
			return nil, fmt.Errorf("preparing a cluster of RabbitMQ: %w", err)
		}
	}
	return c, nil
}

// configure sets what makes the nodes find each other.
func (c *Cluster) configure(set func(name string, value any)) {
	set("cluster_formation.peer_discovery_backend", "classic_config")
	set("cluster_formation.target_cluster_size_hint", len(c.Nodes))
	for i, r := range c.Nodes {
		set(fmt.Sprintf("cluster_formation.classic_config.nodes.%d", i+1), r.node)
	}
}

// shareCookie writes the secret that nodes of one cluster have in common.
func (r *RabbitMQ) shareCookie() error {
	return os.WriteFile(filepath.Join(r.dir, ".erlang.cookie"), []byte("WEBSTOMP"), 0o400)
}

// Log is the file with the node's log, which goes on over restarts. Only a node of a Cluster has one.
func (r *RabbitMQ) Log() string { return filepath.Join(r.dir, "node.log") }

// URLs are the nodes' Web STOMP.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, r := range c.Nodes {
		urls = append(urls, r.URL())
	}
	return urls
}

// Start starts the nodes that do not run, all at once, which is what nodes need that were killed together. It returns,
// within ctx, when all serve. On an error no node runs.
func (c *Cluster) Start(ctx context.Context) error {
	if c.mapper == nil || c.mapper.ended() {
		mapper, err := c.Nodes[0].startMapper(ctx)
		if err != nil {
			return fmt.Errorf("starting a cluster of RabbitMQ: %w", err)
		}
		c.mapper = mapper
	}
	var starts errgroup.Group
	for _, r := range c.Nodes {
		if !r.running() {
			starts.Go(func() error { return r.Start(ctx) })
		}
	}
	if err := starts.Wait(); err != nil {
		c.Kill()
		return err
	}
	return nil
}

// Stop ends all nodes at once with SIGTERM, and the port mapper.
func (c *Cluster) Stop() { c.end((*RabbitMQ).Stop, (*process).stop) }

// Kill ends all nodes at once with SIGKILL, and the port mapper.
func (c *Cluster) Kill() { c.end((*RabbitMQ).Kill, (*process).kill) }

func (c *Cluster) end(node func(*RabbitMQ), mapper func(*process)) {
	var ends errgroup.Group
	for _, r := range c.Nodes {
		ends.Go(func() error { node(r); return nil })
	}
	ends.Wait()
	if c.mapper != nil {
		mapper(c.mapper)
	}
}

// Leader returns the node that leads a queue, or that a classic one lives on. The name is the server's. It asks a node
// that runs.
func (c *Cluster) Leader(ctx context.Context, queue string) (*RabbitMQ, error) {
	for _, r := range c.Nodes {
		if !r.running() || r.paused {
			continue
		}
		list, err := r.ask(ctx, "list_queues", "--no-table-headers", "name", "pid")
		if err != nil {
			return nil, fmt.Errorf("RabbitMQ: listing the queues: %w", err)
		}
		for line := range strings.Lines(list) {
			name, process, _ := strings.Cut(strings.TrimSpace(line), "\t")
			for _, leader := range c.Nodes {
				if name == queue && strings.Contains(process, leader.node) {
					return leader, nil
				}
			}
		}
		return nil, fmt.Errorf("RabbitMQ: no node leads the queue %s:\n%s", queue, list)
	}
	return nil, fmt.Errorf("RabbitMQ: no node runs")
}

// running reports whether the server's process is there.
func (r *RabbitMQ) running() bool { return r.run != nil && !r.run.ended() }

// StopApp stops RabbitMQ in the Erlang node, as an upgrade does. The process stays, and so does the listener of Web STOMP,
// which answers every CONNECT with an ERROR then.
func (r *RabbitMQ) StopApp(ctx context.Context) error {
	if err := r.control(ctx, "stop_app"); err != nil {
		return fmt.Errorf("RabbitMQ: stop_app: %w", err)
	}
	return nil
}

// StartApp undoes StopApp. It returns when the node serves.
func (r *RabbitMQ) StartApp(ctx context.Context) error {
	if err := r.control(ctx, "start_app"); err != nil {
		return fmt.Errorf("RabbitMQ: start_app: %w", err)
	}
	return r.run.await(ctx, func() bool { return accepts(r.amqp, r.stomp) })
}

// Pause stops all of the server's processes with SIGSTOP: it falls silent, while its ports go on accepting. Resume, or
// Kill, has to follow: a process that is stopped outlives even this program.
func (r *RabbitMQ) Pause() {
	r.paused = true
	group.Pause(r.run.cmd)
}

// Resume undoes Pause.
func (r *RabbitMQ) Resume() {
	r.paused = false
	group.Resume(r.run.cmd)
}
