package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/webstomp/webstomp/internal/bench/minimal"
	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

// A load is one way to do the work of a measure, made ready.
type load struct {
	run   func(n int) error // does n operations; the last one is complete when it returns
	close func() error      // ends everything that was started for it
}

// place is a peer, as JSON for those in another process.
type place struct {
	URL         string
	Certificate []byte // nil without TLS
}

func placeOf(p *peer.Peer) place { return place{p.URL(), p.Certificate()} }

func startPeer(ctx context.Context, overTLS bool) (*peer.Peer, error) {
	if overTLS {
		return peer.StartTLS(ctx)
	}
	return peer.Start(ctx)
}

// start starts a peer, over TLS or not, and v's load on it.
func (v variant) start(ctx context.Context, overTLS bool) (*load, error) {
	p, err := startPeer(ctx, overTLS)
	if err != nil {
		return nil, err
	}
	l, err := v.open(ctx, placeOf(p))
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &load{l.run, func() error { return errors.Join(l.close(), p.Close()) }}, nil
}

// longest is a size of messages that those of all measures without a size fit.
const longest = 4 << 10

// withBare returns the load of a bare connection, which it closes with it.
// Messages are up to size bytes long.
func withBare(ctx context.Context, at place, size int, run func(b *bare) (func(n int) error, error)) (*load, error) {
	b, err := dialBare(ctx, at, size)
	if err != nil {
		return nil, err
	}
	return ready(b, run, func() error {
		_ = b.ws.CloseNow() // it is the end of it all, whatever it says
		return nil
	})
}

// withClient returns the load of the client that is measured: without
// heart-beats, and without a second chance, so that what breaks shows.
func withClient(ctx context.Context, at place, run func(c *stomp.Client) (func(n int) error, error)) (*load, error) {
	c, err := connect(ctx, at, stomp.WithHeartBeat(0, 0), stomp.WithoutReconnect())
	if err != nil {
		return nil, err
	}
	return ready(c, run, c.Close)
}

// withMinimal returns the load of a minimal client.
func withMinimal(ctx context.Context, at place, run func(c *minimal.Client) (func(n int) error, error)) (*load, error) {
	c, err := dialMinimal(ctx, at)
	if err != nil {
		return nil, err
	}
	return ready(c, run, func() error {
		c.Close()
		return nil
	})
}

// ready has run prepare the work on a connection that is open.
func ready[C any](c C, run func(C) (func(n int) error, error), end func() error) (*load, error) {
	f, err := run(c)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &load{f, end}, nil
}

func connect(ctx context.Context, at place, opts ...stomp.ConnectOption) (*stomp.Client, error) {
	by, err := peer.Trusting(at.Certificate)
	if err != nil {
		return nil, err
	}
	if by != nil {
		opts = append(opts, stomp.WithHTTPClient(by))
	}
	return stomp.Connect(ctx, at.URL, opts...)
}

func dialMinimal(ctx context.Context, at place) (*minimal.Client, error) {
	by, err := peer.Trusting(at.Certificate)
	if err != nil {
		return nil, err
	}
	return minimal.Dial(ctx, at.URL, by)
}

// closedError is the error of a channel that should have gone on; err is its
// connection's.
func closedError(err error) error {
	if err == nil {
		return errors.New("the channel was closed: its subscription ended")
	}
	return fmt.Errorf("the channel was closed: %w", err)
}
