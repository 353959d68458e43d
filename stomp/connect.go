package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// dial makes attempt number n of an effort at an endpoint: credentials, connection, CONNECT, CONNECTED. before is why
// the last session or attempt ended. Its errors are *ConnectErrors, and leave no connection open.
func (e *env) dial(ctx context.Context, url string, n int, before error, beats beatConfig) (*session, error) {
	a := attempt{cfg: e.cfg, env: e, url: url, beats: beats}
	_, _ = a.target() // run says what is wrong with it
	shown := a.shown
	// All of the attempt is one user's call: a transport, a dialer's connection and its Close may ignore ctx as well.
	call := startCall(ctx, e.attempting, func() (*session, error) { return a.run(ctx, n, before) },
		func(s *session) { s.conn.CloseNow() })
	select {
	case <-call.done:
	case <-ctx.Done():
	}
	s, err := call.result()
	switch err {
	case nil:
		return s, nil
	case errLeft:
		err = e.notReturned(ctx, "")
	case errBusy:
		err = &ownError{e.notReturned(ctx, " from an earlier attempt")}
	default:
		shown = a.shown // of the URL that WithBeforeConnect has chosen
	}
	failed := &ConnectError{URL: shown, Err: publicError(err)}
	var refused *ws.HandshakeError
	if errors.As(err, &refused) {
		failed.StatusCode, failed.Body, failed.Err = refused.StatusCode, refused.Body, refused.Err
		failed.retryAfter = refused.RetryAfter
	}
	if ctx.Err() != nil && !isContextError(failed.Err) {
		failed.Err = fmt.Errorf("%w (%w)", ctxError(ctx), failed.Err)
	}
	return nil, failed
}

// notReturned returns ctx's error with the name of the function, of this attempt or an earlier one, that goes on
// beyond it.
func (e *env) notReturned(ctx context.Context, from string) error {
	option := e.step.Load()
	if option == nil { // on a machine so busy that the attempt has not begun
		return ctxError(ctx)
	}
	return fmt.Errorf("%s: %w (it has not returned%s)", *option, ctxError(ctx), from)
}

// step calls a user's function as part of the attempt, unless ctx has ended. Its error names the option.
func (a *attempt) step(ctx context.Context, option string, f func() error) error {
	if ctx.Err() != nil {
		return ctxError(ctx)
	}
	a.env.step.Store(&option)
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	return nil
}

type attempt struct {
	cfg   *connectConfig
	env   *env
	url   string
	shown string // the URL without what may be secret in it
	beats beatConfig
}

func (a *attempt) run(ctx context.Context, n int, before error) (*session, error) {
	target, err := a.target()
	if err != nil && len(a.cfg.beforeConnect) == 0 {
		return nil, &badURLError{err}
	}
	if ctx.Err() != nil {
		return nil, ctxError(ctx)
	}
	wanted, err := a.prepare(ctx, n, before)
	if err != nil {
		return nil, &ownError{err}
	}
	if a.url = wanted.URL; len(a.cfg.beforeConnect) > 0 {
		if target, err = a.target(); err != nil {
			return nil, &badURLError{err}
		}
	}
	if err := a.checkHTTPHeader(wanted.HTTPHeader, target); err != nil {
		return nil, err
	}
	a.beats = a.beats.orPromised(a.cfg.dialer == nil && target.Bare(), wanted.Header)
	hello := a.connectFrame(wanted)
	encoded, err := a.cfg.encoder(V12).AppendFrame(nil, hello)
	if err != nil {
		return nil, err
	}
	conn, err := a.open(ctx, target, wanted.HTTPHeader)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // a dialer that does not heed it
		conn.CloseNow()
		return nil, ctxError(ctx)
	}
	s, err := a.shakeHands(ctx, conn, hello, encoded)
	if err != nil {
		a.env.closeConn(conn, publicError(err))
		return nil, err
	}
	return s, nil
}

// prepare asks for everything that may be new at each attempt.
func (a *attempt) prepare(ctx context.Context, n int, before error) (*Attempt, error) {
	wanted := &Attempt{Number: n, Err: before, URL: a.url, HTTPHeader: a.cfg.httpHeader.Clone(), Header: a.cfg.header.Clone()}
	if wanted.HTTPHeader == nil {
		wanted.HTTPHeader = make(http.Header)
	}
	if a.cfg.login != nil {
		wanted.Login, wanted.Passcode = a.cfg.login.login, a.cfg.login.passcode
	}
	if a.cfg.credentials != nil {
		err := a.step(ctx, "WithCredentials", func() (err error) {
			wanted.Login, wanted.Passcode, err = a.cfg.credentials(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if a.cfg.httpHeaderFunc != nil {
		err := a.step(ctx, "WithHTTPHeaderFunc", func() error {
			more, err := a.cfg.httpHeaderFunc(ctx)
			for name, values := range more {
				wanted.HTTPHeader[name] = slices.Clone(values)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, f := range a.cfg.beforeConnect {
		if err := a.step(ctx, "WithBeforeConnect", func() error { return f(ctx, wanted) }); err != nil {
			return nil, err
		}
	}
	if err := checkHeader(wanted.Header); err != nil {
		return nil, fmt.Errorf("WithBeforeConnect: %w", err)
	}
	return wanted, nil
}

// checkHTTPHeader rejects what WithBeforeConnect has put where nothing is sent.
func (a *attempt) checkHTTPHeader(header http.Header, target ws.Target) error {
	switch {
	case len(header) == 0:
		return nil
	case a.cfg.dialer != nil || target.Bare():
		return errors.New("WithBeforeConnect: HTTPHeader has entries, and there is no HTTP request")
	case noUpgradeHeader != "":
		return errors.New("WithBeforeConnect: HTTPHeader has entries, and " + noUpgradeHeader)
	}
	return nil
}

// target parses the URL. With WithDialer any URL is accepted: the dialer parses it.
func (a *attempt) target() (ws.Target, error) {
	if a.cfg.dialer != nil {
		a.shown = withoutSecrets(a.url)
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

// withoutSecrets returns a URL of any scheme without its password and its query, which may hold a token. One that
// cannot be parsed may hold a password anywhere, and is not shown.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return "(URL of WithDialer)"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// connectFrame makes CONNECT (clause C1).
func (a *attempt) connectFrame(wanted *Attempt) wire.Frame {
	versions := make([]string, len(a.cfg.versions))
	for i, v := range a.cfg.versions {
		versions[i] = string(v)
	}
	f := wire.Frame{Command: wire.Connect, Header: [][2]string{
		{"accept-version", strings.Join(versions, ",")},
		{"host", a.cfg.host},
		{"heart-beat", a.beats.entry()},
	}}
	asked := len(a.cfg.beforeConnect) == 0 && (a.cfg.login != nil || a.cfg.credentials != nil)
	if asked || wanted.Login != "" || wanted.Passcode != "" {
		f.Header = append(f.Header, [2]string{"login", wanted.Login}, [2]string{"passcode", wanted.Passcode})
	}
	f.Header = append(f.Header, wanted.Header...)
	return f
}

func (a *attempt) open(ctx context.Context, target ws.Target, header http.Header) (*ws.Conn, error) {
	if a.cfg.dialer != nil {
		var nc net.Conn
		err := a.step(ctx, "WithDialer", func() (err error) {
			if nc, err = a.cfg.dialer(ctx, a.url); nc == nil && err == nil {
				err = errors.New("the dialer returned neither a connection nor an error")
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return ws.Stream(nc), nil
	}
	transport := "WithHTTPClient"
	a.env.step.Store(&transport)
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
		err = cmp.Or(conn.Alert(), err)
		return nil, fmt.Errorf("sending CONNECT: %w", cutBy(ctx, err))
	}
	a.env.trace("send", hello)
	dec := wire.NewDecoder(wire.DecoderConfig{From: wire.FromServer, Limits: a.cfg.limits.wire(), Repair: !conn.IsStream()})
	f, err := a.firstFrame(ctx, conn, dec)
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
func (a *attempt) firstFrame(ctx context.Context, conn *ws.Conn, dec *wire.Decoder) (wire.Frame, error) {
	var f wire.Frame
	var start []byte // of what has come
	for {
		p, final, err := conn.Read()
		if err != nil {
			hint := a.hint(string(start))
			if len(start) == 0 && hungUp(err) && a.isPlainSocket() {
				hint = "the server closed the connection without an answer: does it want TLS on this port? Then it is tls://"
			}
			err = cutOff(cutBy(ctx, err), dec, newConnectError)
			if hint != "" {
				err = fmt.Errorf("%w (%s)", err, hint)
			}
			return f, fmt.Errorf("waiting for CONNECTED: %w", err)
		}
		start = append(start, p[:min(len(p), len("HTTP/")-len(start))]...)
		dec.Feed(p, final)
		ok, err := dec.Next(&f)
		if err != nil {
			hint := cmp.Or(a.hint(string(start)), "does a STOMP server listen there?")
			return f, fmt.Errorf("waiting for CONNECTED: %w (%s)", cutOff(publicError(err), dec, newConnectError), hint)
		}
		if ok {
			return f, nil
		}
	}
}

// hint names the URL scheme for what answers on a bare socket, as far as the first bytes of it tell; "" if they do
// not.
func (a *attempt) hint(start string) string {
	secure := strings.HasPrefix(a.shown, "tls:") || strings.HasPrefix(a.shown, "stomp+ssl:")
	switch {
	case start == "HTTP/" && secure:
		return "a web server answers there: is it wss://?"
	case start == "HTTP/":
		return "a web server answers there: is it ws://?"
	case strings.HasPrefix(start, "\x15\x03"): // an alert of TLS
		return "the server speaks TLS on this port: is it tls:// or wss://?"
	}
	return ""
}

// isPlainSocket reports whether the attempt goes by a bare socket without TLS.
func (a *attempt) isPlainSocket() bool {
	return a.cfg.dialer == nil && (strings.HasPrefix(a.shown, "tcp:") || strings.HasPrefix(a.shown, "stomp:"))
}

// newConnectError returns the error of an ERROR in answer to CONNECT.
func newConnectError(f Frame) *Error {
	e := newError(f)
	e.Message = connectErrorText(e.Message)
	return e
}

// connected checks the answer to CONNECT and returns what it agrees on (clauses C2 to C6).
func (a *attempt) connected(f wire.Frame) (Session, error) {
	frame := frameOf(f)
	switch f.Command {
	case wire.Connected:
	case wire.Error:
		return Session{}, newConnectError(frame)
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
	info.HeartBeatSend, info.HeartBeatReceive, err = a.beats.agree(frame.Header)
	return info, err
}
