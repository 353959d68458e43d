package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/doctor"
)

// connection is what the flags of every command say of the connection.
type connection struct {
	env   *Env
	files files

	login, passcodeFile, host string
	header, httpHeader        []string
	versions, failover        []string
	heartBeat                 string
	timeout                   time.Duration // of Connect; 0: none
	wait, once, escaped       bool
	secrets                   doctor.Secrets // that are sent
	split                     int
	tls                       tlsFiles
	verbose                   int
}

func (c *connection) addFlags(f *pflag.FlagSet) {
	f.StringVar(&c.login, "login", "", "`USER` that CONNECT sends; its passcode comes from STOMPCAT_PASSCODE or --passcode-file")
	f.StringVar(&c.passcodeFile, "passcode-file", "", "`FILE` whose first line is the passcode; it wins over STOMPCAT_PASSCODE")
	f.StringVar(&c.host, "host", "/", "virtual `HOST`, as RabbitMQ calls it; it is not the host of the URL")
	f.StringArrayVar(&c.header, "connect-header", nil, "further `NAME=VALUE` of CONNECT, such as client-id=me; repeatable")
	f.StringArrayVar(&c.httpHeader, "http-header", nil, "further `NAME=VALUE` of the WebSocket's HTTP request; repeatable")
	f.StringSliceVar(&c.versions, "protocol-version", nil, "STOMP `VERSION`s to offer: 1.0, 1.1, 1.2 (default all)")
	f.StringArrayVar(&c.failover, "failover", nil, "further `URL` of the same broker, tried when the first one fails; repeatable")
	f.StringVar(&c.heartBeat, "heart-beat", "", "heart-beats to propose, `SEND,RECEIVE`: 0,10s sends none and wants one every 10 s (default: one every 5 s, not promised, and 10s; tcp: and tls: 10s,10s)")
	f.DurationVar(&c.timeout, "connect-timeout", 15*time.Second, "how long connecting may take, `TIME` such as 5s; 0: no limit")
	f.BoolVar(&c.wait, "wait", false, "go on trying to connect until --connect-timeout is over")
	f.BoolVar(&c.once, "no-reconnect", false, "end when the connection is lost")
	f.BoolVar(&c.escaped, "escaped-connect", false, "escape CONNECT: for a passcode with a backslash on RabbitMQ or ActiveMQ Classic")
	f.IntVar(&c.split, "message-split", 0, "split frames above so many `BYTES` over several WebSocket messages: 16000 for Spring on Tomcat")
	c.tls.addFlags(f)
	f.CountVarP(&c.verbose, "verbose", "v", "``log to standard error: sessions and problems; -vv: every frame")
}

// connect connects as the flags say. The caller ends the Client.
func (c *connection) connect(ctx context.Context, rawURL string) (*stomp.Client, error) {
	opts, err := c.options(rawURL)
	if err != nil {
		return nil, err
	}
	if err := check(rawURL, opts); err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	return stomp.Connect(ctx, rawURL, opts...)
}

// bound returns ctx bounded by --connect-timeout.
func (c *connection) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("nothing within --connect-timeout %v", c.timeout))
}

// check returns what is wrong with the URL or the options themselves: whatever makes Connect fail before it dials.
func check(rawURL string, opts []stomp.ConnectOption) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var dialled atomic.Bool
	dial := func(context.Context, string, string) (net.Conn, error) {
		dialled.Store(true)
		cancel() // or --wait would have it try again
		return nil, errors.New("not dialled")
	}
	client, err := stomp.Connect(ctx, rawURL, append(slices.Clip(opts),
		stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial}}))...)
	if err == nil {
		client.Close() // no network was involved
	}
	if err == nil || dialled.Load() {
		return nil
	}
	return &usageError{&connectOptionError{err}}
}

// options returns the flags as options of Connect.
func (c *connection) options(rawURL string) ([]stomp.ConnectOption, error) {
	if c.timeout < 0 {
		return nil, &usageError{errors.New("--connect-timeout cannot be negative")}
	}
	opts := []stomp.ConnectOption{stomp.WithHost(c.host)}
	add := func(o ...stomp.ConnectOption) { opts = append(opts, o...) }
	login, passcode, err := c.credentials()
	if err != nil {
		return nil, &usageError{err}
	}
	if c.secrets == doctor.AllSecrets && (login != "" || passcode != "") {
		add(stomp.WithLogin(login, passcode))
	}
	header, err := parseEntries("--connect-header", c.header)
	if err != nil {
		return nil, err
	}
	if c.secrets == doctor.AllSecrets { // it may have a token for the server
		for name, value := range header.All() {
			add(stomp.WithHeader(name, value))
		}
	}
	httpHeader, err := c.httpEntries()
	if err != nil {
		return nil, err
	}
	if len(httpHeader) > 0 && !isBare(rawURL) {
		add(stomp.WithHTTPHeader(httpHeader))
	}
	client, err := c.httpClient()
	if err != nil {
		return nil, &usageError{err}
	}
	add(stomp.WithHTTPClient(client))
	if len(c.versions) > 0 {
		versions := make([]stomp.Version, len(c.versions))
		for i, v := range c.versions {
			versions[i] = stomp.Version(v)
		}
		add(stomp.WithVersions(versions...))
	}
	if c.heartBeat != "" {
		send, receive, err := parseHeartBeat(c.heartBeat)
		if err != nil {
			return nil, &usageError{err}
		}
		add(stomp.WithHeartBeat(send, receive))
	}
	add(c.staying()...)
	if c.escaped {
		add(stomp.WithEscapedConnect())
	}
	if c.split != 0 {
		add(stomp.WithMessageSplit(c.split))
	}
	if c.verbose > 0 {
		add(stomp.WithLogger(c.logger()))
	}
	return append(opts, c.env.Options...), nil
}

// staying returns the options that say what happens when there is no connection.
func (c *connection) staying() (opts []stomp.ConnectOption) {
	if len(c.failover) > 0 {
		opts = append(opts, stomp.WithFailover(c.failover...))
	}
	if c.wait {
		opts = append(opts, stomp.WithInitialRetry())
	}
	if c.once {
		opts = append(opts, stomp.WithoutReconnect())
	}
	return opts
}

func (c *connection) logger() *slog.Logger {
	level := slog.LevelInfo
	if c.verbose > 1 {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(c.env.Stderr, &slog.HandlerOptions{Level: level}))
}

// isURL reports whether an argument is a URL, and not a destination.
func isURL(arg string) bool {
	scheme, _, found := strings.Cut(arg, "://")
	switch strings.ToLower(scheme) {
	case "ws", "wss", "http", "https", "tcp", "stomp", "tls", "stomp+ssl":
		return found
	}
	return false
}

// isBare reports whether a URL is one of STOMP without WebSocket.
func isBare(rawURL string) bool {
	scheme, _, _ := strings.Cut(rawURL, ":")
	switch strings.ToLower(scheme) {
	case "tcp", "stomp", "tls", "stomp+ssl":
		return true
	}
	return false
}

// takeURL returns the URL, the first of args or else STOMPCAT_URL, and the other arguments.
func (c *connection) takeURL(args []string) (rawURL string, rest []string, err error) {
	fromEnv := c.env.Getenv("STOMPCAT_URL")
	inArgs := c.failover
	switch {
	case len(args) > 0 && (isURL(args[0]) || fromEnv == ""):
		rawURL, rest = args[0], args[1:]
		inArgs = append([]string{rawURL}, inArgs...)
	case fromEnv != "":
		rawURL, rest = fromEnv, args
	default:
		return "", nil, &usageError{errors.New("no URL: give one, as in ws://localhost:15674/ws, or set STOMPCAT_URL")}
	}
	for _, given := range inArgs {
		if hasPassword(given) {
			return "", nil, &usageError{errors.New("the URL has a password in it, which every user of this machine can see in ps: " +
				"put the URL into STOMPCAT_URL, or use --login and STOMPCAT_PASSCODE if it is STOMP's passcode")}
		}
	}
	return rawURL, rest, nil
}

// hasPassword reports whether a URL has a password in it, also one that cannot be parsed.
func hasPassword(rawURL string) bool {
	if u, err := url.Parse(rawURL); err == nil && u.Host != "" {
		_, has := u.User.Password()
		return has
	}
	_, authority, found := strings.Cut(rawURL, "://")
	if !found {
		authority = rawURL
	}
	userinfo, _, found := strings.Cut(authority, "@")
	return found && strings.Contains(userinfo, ":")
}

func parseHeartBeat(text string) (send, receive time.Duration, err error) {
	first, second, found := strings.Cut(text, ",")
	if !found {
		return 0, 0, fmt.Errorf("--heart-beat %s: it takes two times, as in 0,10s", text)
	}
	if send, err = time.ParseDuration(first); err == nil {
		receive, err = time.ParseDuration(second)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("--heart-beat %s: %w", text, err)
	}
	return send, receive, nil
}

// parseEntries reads NAME=VALUE as a flag gives them. A value may have further equals signs in it.
func parseEntries(flag string, texts []string) (h stomp.Header, err error) {
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, &usageError{fmt.Errorf("%s %q: it takes NAME=VALUE", flag, text)}
		}
		h.Add(name, value)
	}
	return h, nil
}

// isNoSecret reports whether an entry of the HTTP request's header says only where a page comes from and where to.
func isNoSecret(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Origin", "Host":
		return true
	}
	return false
}

// hasToken reports whether the HTTP request has an entry that may be secret.
func (c *connection) hasToken() bool {
	header, _ := c.httpEntries() // checked by options
	for name := range header {
		if !isNoSecret(name) {
			return true
		}
	}
	return false
}

// httpEntries returns the header of the HTTP request, with the secret one from the environment.
func (c *connection) httpEntries() (http.Header, error) {
	entries, err := parseEntries("--http-header", c.httpHeader)
	if err != nil {
		return nil, err
	}
	header := make(http.Header)
	for name, value := range entries.All() {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization":
			return nil, &usageError{errors.New("--http-header Authorization: every user of this machine can see it in ps: put its value into STOMPCAT_AUTHORIZATION")}
		case "Cookie":
			return nil, &usageError{errors.New("--http-header Cookie: every user of this machine can see it in ps: put its value into STOMPCAT_COOKIE")}
		}
		if c.secrets != doctor.NoSecrets || isNoSecret(name) {
			header.Add(name, value)
		}
	}
	if c.secrets == doctor.NoSecrets {
		return header, nil
	}
	for name, variable := range map[string]string{"Authorization": "STOMPCAT_AUTHORIZATION", "Cookie": "STOMPCAT_COOKIE"} {
		if value := c.env.Getenv(variable); value != "" {
			header.Set(name, value)
		}
	}
	return header, nil
}
