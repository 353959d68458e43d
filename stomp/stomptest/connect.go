package stomptest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
)

// connectLocked handles what comes before a session: CONNECT or STOMP, and nothing else. Broker.mu is held; it runs
// in the connection's reader, which owns the decoder.
func (c *conn) connectLocked(f *wire.Frame) *refusal {
	b := c.b
	if f.Command != wire.Connect && f.Command != wire.Stomp {
		return refuse(soft, "Not connected", "%s came before CONNECT", f.Command)
	}
	header := f.Header
	if b.act.unescapesConnect {
		var err error
		if header, err = unescapeAll(header); err != nil {
			return refuse(framing, "Bad CONNECT", "%v", err)
		}
	}
	offer, offered := wire.Lookup(header, "accept-version")
	version := b.choose(offer, offered)
	if version == "" {
		return refuse(badVersion, "Version mismatch", "Supported versions are %s", b.versionList())
	}
	if b.act.escapesEarly {
		c.early = version
	}
	var agreed beats
	if !b.bare(version) {
		var err error
		if agreed, err = b.negotiate(wire.Get(header, "heart-beat")); err != nil {
			return refuse(soft, "Bad heart-beat", "%v", err)
		}
	}
	if r := b.admit(header); r != nil {
		return r
	}
	c.session = newSession(c, version, wire.Get(header, "client-id"))
	b.sessions++
	c.version = version
	c.connected.Store(true)
	c.setDecoderVersion()
	c.out.push(item{frame: b.connected(c, version, offered, agreed), version: version, beat: agreed.send})
	c.watch(agreed.receive)
	return nil
}

// choose returns the highest version that both sides speak, "" when there is none. Without an offer it is 1.0 (C2).
func (b *Broker) choose(offer string, offered bool) wire.Version {
	names := []string{string(wire.V10)}
	if offered {
		names = strings.Split(offer, ",")
	}
	if !b.act.exactVersions {
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
	}
	for _, v := range slices.Backward(b.cfg.versions) {
		if slices.Contains(names, string(v)) {
			return v
		}
	}
	return ""
}

func (b *Broker) versionList() string {
	var names []string
	for _, v := range b.cfg.versions {
		names = append(names, string(v))
	}
	return strings.Join(names, ",")
}

// admit checks who wants in, and where to.
func (b *Broker) admit(header [][2]string) *refusal {
	if b.cfg.logins != nil {
		login, given := wire.Lookup(header, "login")
		if passcode, ok := b.cfg.logins[login]; !ok || passcode != wire.Get(header, "passcode") {
			return b.refuseLogin(login, given)
		}
	}
	if host, ok := wire.Lookup(header, "host"); len(b.cfg.virtualHosts) > 0 {
		if !ok {
			host = "/"
		}
		if !slices.Contains(b.cfg.virtualHosts, host) {
			return refuse(badLogin, "Bad CONNECT", "Virtual host '%s' access denied", host)
		}
	}
	return nil
}

// refuseLogin has the server's own words for a login or passcode that is wrong.
func (b *Broker) refuseLogin(login string, given bool) *refusal {
	if b.act.loginError == "" {
		return refuse(badLogin, "Bad CONNECT", "Access refused for user '%s'", login)
	}
	if !given {
		login = "null" // which is how Java prints it
	}
	text := fmt.Sprintf(b.act.loginError, login)
	return &refusal{class: badLogin, message: text, body: text}
}

// bare says that CONNECTED has neither server nor heart-beat in that version.
func (b *Broker) bare(version wire.Version) bool { return b.act.bare10 && version == wire.V10 }

// connected makes CONNECTED (C5). A client that asked for no version is one of 1.0, which knows no such entry.
func (b *Broker) connected(c *conn, version wire.Version, offered bool, agreed beats) wire.Frame {
	f := wire.Frame{Command: wire.Connected}
	add := func(name, value string) { f.Header = append(f.Header, [2]string{name, value}) }
	if b.act.server != "" && !b.bare(version) {
		add("server", b.act.server)
	}
	if b.act.session != "" {
		add("session", fmt.Sprintf(b.act.session, c.num))
	}
	if agreed.offer != "" {
		add("heart-beat", agreed.offer)
	}
	if offered {
		add("version", string(version))
	}
	return f
}

// unescapeAll undoes escapes in CONNECT, as RabbitMQ and Classic do against the specification (F7).
func unescapeAll(header [][2]string) ([][2]string, error) {
	out := make([][2]string, len(header))
	for i, e := range header {
		for j, s := range e {
			for k := 0; k < len(s); k++ {
				if s[k] == '\\' {
					if k++; k == len(s) || !strings.ContainsRune(`\cnr`, rune(s[k])) {
						return nil, fmt.Errorf("bad escape in the header %q", e[0])
					}
				}
			}
			out[i][j] = unescapes.Replace(s)
		}
	}
	return out, nil
}

var unescapes = strings.NewReplacer(`\\`, `\`, `\c`, ":", `\n`, "\n", `\r`, "\r")
