package stomp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// dial makes one attempt: credentials, connection, CONNECT, CONNECTED. Its errors are *ConnectErrors, and leave no
// connection open.
func (e *env) dial(ctx context.Context, url string) (*session, error) {
	a := attempt{cfg: e.cfg, env: e, url: url, shown: url}
	s, err := a.run(ctx)
	if err == nil {
		return s, nil
	}
	failed := &ConnectError{URL: a.shown, Err: publicError(err)}
	var refused *ws.HandshakeError
	if errors.As(err, &refused) {
		failed.StatusCode, failed.Body, failed.Err = refused.StatusCode, refused.Body, refused.Err
	}
	if ctx.Err() != nil && !isContextError(failed.Err) {
		failed.Err = fmt.Errorf("%w (%w)", ctxError(ctx), failed.Err)
	}
	return nil, failed
}

type attempt struct {
	cfg   *connectConfig
	env   *env
	url   string
	shown string // the URL without its password
}

func (a *attempt) run(ctx context.Context) (*session, error) {
	target, err := a.target()
	if err != nil {
		return nil, &badURLError{err}
	}
	if ctx.Err() != nil {
		return nil, ctxError(ctx)
	}
	login := a.cfg.login
	if a.cfg.credentials != nil {
		l, p, err := a.cfg.credentials(ctx)
		if err != nil {
			return nil, fmt.Errorf("WithCredentials: %w", err)
		}
		login = &credentials{l, p}
	}
	hello := a.connectFrame(login)
	encoded, err := a.cfg.encoder(V12).AppendFrame(nil, hello)
	if err != nil {
		return nil, err
	}
	conn, err := a.open(ctx, target)
	if err != nil {
		return nil, err
	}
	s, err := a.shakeHands(ctx, conn, hello, encoded)
	if err != nil {
		conn.CloseNow()
		return nil, err
	}
	return s, nil
}

// target parses the URL. With WithDialer any URL is accepted: the dialer parses it.
func (a *attempt) target() (ws.Target, error) {
	if a.cfg.dialer != nil {
		a.shown = withoutPassword(a.url)
		return ws.Target{}, nil
	}
	target, err := ws.ParseURL(a.url)
	if err != nil {
		a.shown = "(URL)"
		return ws.Target{}, err
	}
	a.shown = target.String()
	if name := a.cfg.webSocketOption(); target.Bare() && name != "" {
		return ws.Target{}, fmt.Errorf("%s has no meaning on a bare socket: it belongs to the WebSocket", name)
	}
	return target, nil
}

// withoutPassword returns a URL of any scheme without its password. One that cannot be parsed may hold a password
// anywhere, and is not shown.
func withoutPassword(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return "(URL of WithDialer)"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}

// connectFrame makes CONNECT (clause C1).
func (a *attempt) connectFrame(login *credentials) wire.Frame {
	versions := make([]string, len(a.cfg.versions))
	for i, v := range a.cfg.versions {
		versions[i] = string(v)
	}
	f := wire.Frame{Command: wire.Connect, Header: [][2]string{
		{"accept-version", strings.Join(versions, ",")},
		{"host", a.cfg.host},
		{"heart-beat", a.cfg.beats.entry()},
	}}
	if login != nil {
		f.Header = append(f.Header, [2]string{"login", login.login}, [2]string{"passcode", login.passcode})
	}
	f.Header = append(f.Header, a.cfg.header...)
	return f
}

func (a *attempt) open(ctx context.Context, target ws.Target) (*ws.Conn, error) {
	if a.cfg.dialer != nil {
		nc, err := a.cfg.dialer(ctx, a.url)
		if err != nil {
			return nil, fmt.Errorf("WithDialer: %w", err)
		}
		if nc == nil {
			return nil, errors.New("WithDialer: the dialer returned neither a connection nor an error")
		}
		return ws.Stream(nc), nil
	}
	header := a.cfg.httpHeader.Clone()
	if a.cfg.httpHeaderFunc != nil {
		more, err := a.cfg.httpHeaderFunc(ctx)
		if err != nil {
			return nil, fmt.Errorf("WithHTTPHeaderFunc: %w", err)
		}
		if header == nil {
			header = more.Clone()
		} else {
			for name, values := range more {
				header[name] = values
			}
		}
	}
	return ws.Dial(ctx, target, ws.DialOptions{
		HTTPClient:   a.cfg.httpClient,
		Header:       header,
		Subprotocols: a.cfg.offers(),
		Compression:  a.cfg.compression,
	})
}

// shakeHands sends CONNECT and reads the answer. When ctx ends it closes conn, which ends every wait here.
func (a *attempt) shakeHands(ctx context.Context, conn *ws.Conn, hello wire.Frame, encoded []byte) (*session, error) {
	stop := context.AfterFunc(ctx, func() { conn.CloseNow() })
	defer stop()
	typ := ws.Text
	if a.cfg.messageType == MessageBinary {
		typ = ws.Binary
	}
	if err := writeNow(conn, typ, encoded); err != nil {
		return nil, fmt.Errorf("sending CONNECT: %w", cutBy(ctx, err))
	}
	a.env.trace("send", hello)
	dec := wire.NewDecoder(wire.DecoderConfig{From: wire.FromServer, Limits: a.cfg.limits.wire(), Repair: !conn.IsStream()})
	f, err := firstFrame(ctx, conn, dec)
	if err != nil {
		return nil, err
	}
	a.env.trace("received", f)
	info, err := a.connected(f)
	if err != nil {
		return nil, err
	}
	if !stop() {
		return nil, ctxError(ctx)
	}
	info.Subprotocol = conn.Subprotocol()
	return newSession(a.env, conn, dec, info), nil
}

func writeNow(conn *ws.Conn, typ ws.MessageType, message []byte) error {
	if err := conn.Write(typ, message); err != nil {
		return err
	}
	return conn.Flush()
}

// cutBy returns ctx's error when the end of ctx has closed the connection, and err when it failed by itself.
func cutBy(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctxError(ctx)
	}
	return publicError(err)
}

// firstFrame reads until a frame has come. What follows it stays in dec.
func firstFrame(ctx context.Context, conn *ws.Conn, dec *wire.Decoder) (wire.Frame, error) {
	var f wire.Frame
	for {
		p, final, err := conn.Read()
		if err != nil {
			return f, fmt.Errorf("waiting for CONNECTED: %w", cutBy(ctx, err))
		}
		dec.Feed(p, final)
		ok, err := dec.Next(&f)
		if err != nil {
			return f, fmt.Errorf("waiting for CONNECTED: %w (does a STOMP server listen there?)", publicError(err))
		}
		if ok {
			return f, nil
		}
	}
}

// connected checks the answer to CONNECT and returns what it agrees on (clauses C2 to C6).
func (a *attempt) connected(f wire.Frame) (Session, error) {
	frame := frameOf(f)
	switch f.Command {
	case wire.Connected:
	case wire.Error:
		refused := newError(frame)
		refused.Message = connectErrorText(refused.Message)
		return Session{}, refused
	default:
		return Session{}, &ProtocolError{Reason: "the server answered CONNECT with " + f.Command, Clause: "C4"}
	}
	info := Session{
		URL:     a.shown,
		Server:  frame.Header.Get("server"),
		ID:      frame.Header.Get("session"),
		Version: V10, // what a server speaks that names no version
		Header:  frame.Header,
	}
	if v, ok := frame.Header.Lookup("version"); ok {
		info.Version = Version(v)
	}
	if !slices.Contains(a.cfg.versions, info.Version) {
		return Session{}, &versionError{&ProtocolError{Reason: fmt.Sprintf("the server chose STOMP %q, which was not offered (%v)", info.Version, a.cfg.versions), Clause: "C2"}}
	}
	var err error
	info.HeartBeatSend, info.HeartBeatReceive, err = a.cfg.beats.agree(frame.Header)
	return info, err
}
