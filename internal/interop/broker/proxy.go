package broker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/webstomp/webstomp/internal/interop/broker/group"
)

// Proxy is an nginx or a HAProxy of Debian's in front of other servers, with a configuration of the test's own. It
// runs in the foreground as the user who starts it, and keeps to its folder and to loopback. Its methods are called
// one at a time. Start after Stop or Kill brings it back on the same ports.
type Proxy struct {
	name    string
	program string
	dir     string
	args    []string
	reload  func(*Proxy) error
	ports   []int

	run     *process   // the newest; nil: never started
	former  []*process // of before a Reload, which end by themselves
	console *tail
}

// NewNginx prepares an nginx with that many ports in dir. The error is a *Missing if it is not installed.
func NewNginx(dir string, ports int) (*Proxy, error) {
	// Errors go to the console from the start; a folder of its own has what it writes besides.
	return newProxy(&Proxy{name: "nginx", dir: dir, reload: (*Proxy).hangup,
		args: []string{"-e", "stderr", "-g", "daemon off;", "-p", dir, "-c", configOf(dir)}}, ports)
}

// NewHAProxy prepares a HAProxy with that many ports in dir. The error is a *Missing if it is not installed.
func NewHAProxy(dir string, ports int) (*Proxy, error) {
	return newProxy(&Proxy{name: "haproxy", dir: dir, reload: (*Proxy).replace, args: []string{"-db", "-f", configOf(dir)}}, ports)
}

func configOf(dir string) string { return filepath.Join(dir, "proxy.conf") }

func newProxy(p *Proxy, ports int) (*Proxy, error) {
	p.program = filepath.Join("/usr/sbin", p.name) // which is in no ordinary user's path
	if _, err := os.Stat(p.program); err != nil {
		return nil, &Missing{What: p.name, How: installs, Err: err}
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	p.ports = make([]int, ports)
	for i := range p.ports {
		if err := takePorts(&p.ports[i]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Proxy) Name() string { return p.name }

// Address returns host and port number i, from 0.
func (p *Proxy) Address(i int) string { return address(p.ports[i]) }

// Configure writes the configuration, which the next Start or Reload takes up.
func (p *Proxy) Configure(text string) error {
	return os.WriteFile(configOf(p.dir), []byte(text), 0o600)
}

// Start starts the proxy, and returns, within ctx, when it accepts on every port. On an error nothing runs, and the
// error holds its console.
func (p *Proxy) Start(ctx context.Context) error {
	p.console = new(tail)
	if err := p.launch(); err != nil {
		return err
	}
	if err := p.run.await(ctx, func() bool { return accepts(p.ports...) }); err != nil {
		p.Kill()
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	return nil
}

func (p *Proxy) launch(args ...string) error {
	cmd := exec.Command(p.program, append(args, p.args...)...)
	cmd.Dir = p.dir
	run, err := launch(cmd, p.console)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.run = run
	return nil
}

// Reload makes the proxy take up its configuration anew, without closing its ports. It does not wait for that:
// connections of before stay with a process that is about to end.
func (p *Proxy) Reload() error { return p.reload(p) }

func (p *Proxy) hangup() error {
	group.Hangup(p.run.cmd)
	return nil
}

// replace starts another process, which tells the one before to end when it listens. (HAProxy's master process can do
// that by itself, but in 2.6 now and then takes ten seconds to pass on the ports.)
func (p *Proxy) replace() error {
	p.former = append(p.former, p.run)
	return p.launch("-sf", strconv.Itoa(p.run.cmd.Process.Pid))
}

// Stop ends the proxy with SIGTERM, after 10 s with SIGKILL. Kill ends it with SIGKILL. Both return when no process
// is left.
func (p *Proxy) Stop() { p.end((*process).stop) }
func (p *Proxy) Kill() { p.end((*process).kill) }

func (p *Proxy) end(how func(*process)) {
	for _, run := range append(p.former, p.run) {
		if run != nil {
			how(run)
		}
	}
	p.former, p.run = nil, nil
}

// Console returns the end of what the proxy wrote since its last start.
func (p *Proxy) Console() string {
	if p.console == nil {
		return ""
	}
	return p.console.String()
}
