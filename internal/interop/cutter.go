package interop

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// cutter breaks the connection that its HTTP client dialled last.
type cutter struct {
	mu   sync.Mutex
	last net.Conn // guarded by mu
}

// client returns an HTTP client that dials through the cutter.
func (c *cutter) client() *http.Client {
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := d.DialContext(ctx, network, addr)
		c.mu.Lock()
		c.last = nc
		c.mu.Unlock()
		return nc, err
	}}}
}

// now closes the connection without a close handshake.
func (c *cutter) now() {
	c.mu.Lock()
	nc := c.last
	c.mu.Unlock()
	nc.Close()
}
