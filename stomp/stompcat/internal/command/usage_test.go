package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What makes no sense is refused with 2 before anything is dialled.
func TestRun_usage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "ws://127.0.0.1:1/ws" // nobody listens: that would be a 3
	for _, c := range []struct {
		args string
		says string
	}{
		{"nonsense", `unknown command "nonsense"`},
		{"sub --nonsense", "unknown flag: --nonsense\nRun 'stompcat sub --help'"},
		{"sub", "no URL"},
		{"sub " + url, "no destination"},
		{"sub " + url + " ", "no destination"},
		{"pub " + url, "no destination"},
		{"sub localhost:15674/ws /queue/a", "it has no scheme"},
		{"sub ws://u:secret@localhost/ws /queue/a", "the URL has a password in it"},
		{"ping u:secret@localhost/ws", "the URL has a password in it"},
		{"ping ws://u:secret@local\x01host/ws", "the URL has a password in it"},
		{"ping " + url + " --failover ws://u:secret@localhost/ws", "the URL has a password in it"},
		{"ping " + url + " --failover localhost", "--failover: URL 1 is bad"},
		{"ping " + url + " more", "ping takes a URL alone"},
		{"doctor " + url + " more", "doctor takes a URL alone"},
		{"bench " + url + " /a /b", "one destination"},
		{"bench " + url + " /a --size 31", "--size 31"},
		{"bench " + url + " /a --publishers 0", "above 0"},
		{"bench " + url + " /a --duration 0", "--duration 0 needs --count"},
		{"bench " + url + " /a --rate=-1", "cannot be negative"},
		{"bench " + url + " /a --rate NaN", "--rate NaN: it takes a number"},
		{"bench " + url + " /a --rate=-Inf", "cannot be negative"},
		{"bench " + url + " /a --rate Inf", "--rate +Inf: it takes a number"},
		{"sub " + url + " /a --ack maybe", "--ack maybe: it takes"},
		{"sub " + url + " /a --overflow maybe", "--overflow maybe: it takes block, drop-oldest"},
		{"sub " + url + " /a --count=-1", "cannot be negative"},
		{"sub " + url + " /a /b --id x", "--id is for a single destination"},
		{"sub " + url + " /a --json --full", "none of the others can be"},
		{"sub " + url + " /a -H x", `--header "x": it takes NAME=VALUE`},
		{"sub " + url + " /a -d \\q", "it takes \\n"},
		{"pub " + url + " /a --delimiter=", "--delimiter is empty"},
		{"pub " + url + " /a -f " + missing, "no such file"},
		{"pub " + url + " /a - -f -", "standard input is named twice"},
		{"pub " + url + " /a x --timeout 0", "--timeout has to be above 0"},
		{"pub " + url + " /a x --retry --no-receipt", "none of the others can be"},
		{"ping " + url + " --connect-header host=x", `--connect-header: "host" is written by the library; use --host`},
		{"ping " + url + " --connect-header passcode=secret", "use --login"},
		{"ping " + url + " --connect-timeout=-1s", "--connect-timeout cannot be negative"},
		{"doctor " + url + " --connect-timeout=-1s", "--connect-timeout cannot be negative"},
		{"ping " + url + " --http-header Authorization=secret", "STOMPCAT_AUTHORIZATION"},
		{"ping " + url + " --http-header cookie=secret", "STOMPCAT_COOKIE"},
		{"ping " + url + " --protocol-version 1.3", `--protocol-version: unknown version "1.3"`},
		{"ping " + url + " --heart-beat 10s", "it takes two times"},
		{"ping " + url + " --heart-beat 10s,soon", `invalid duration "soon"`},
		{"ping " + url + " --passcode-file " + missing, "--passcode-file: open"},
		{"ping " + url + " --cacert " + missing, "--cacert: open"},
		{"ping " + url + " --cacert " + empty, "it takes PEM"},
		{"ping " + url + " --cert " + empty, "--cert: "},
		{"ping " + url + " --key " + empty, "--key needs --cert"},
		{"ping " + url + " --passcode secret", "unknown flag: --passcode"}, // there is none: ps would show it
		{"ping " + url + " --insecure", "unknown flag: --insecure"},
		{"ping " + url + " --color maybe", "--color maybe: it takes"},
		{"ping tcp://127.0.0.1:1 --message-split 16000", "--message-split has no meaning on a bare socket"},
	} {
		got := outside{}.run(t, strings.Split(c.args, " ")...)
		if got.status != statusUsage || got.out != "" || !strings.HasPrefix(got.err, "stompcat: ") || !strings.Contains(got.err, c.says) || strings.Contains(got.err, "secret") && !strings.Contains(c.args, "passcode=") {
			t.Errorf("%s: %+v, want %q", c.args, got, c.says)
		}
	}
}

// What the library refuses of a command line is that command line's fault as well, and nothing is sent.
func TestRun_usage_that_shows_with_a_connection(t *testing.T) {
	b := newBroker(t)
	for args, says := range map[string]string{
		"sub URL /a -H selector=x":                   `--header: "selector" is written by the library; use --selector`,
		"pub URL /a x -H receipt=1":                  `--header: "receipt" is written by the library`,
		"pub URL /a x --no-receipt -H destination=b": `"destination" is written by the library`,
		"req URL /a x -H content-length=1":           `"content-length" is written by the library`,
	} {
		got := outside{}.run(t, strings.Split(strings.Replace(args, "URL", b.URL(), 1), " ")...)
		got.want(t, statusUsage, "", says)
	}
	for _, name := range commands(b) {
		if name != "DISCONNECT" {
			t.Errorf("the broker got %s", name)
		}
	}
}

// The URL of the environment takes the place of the argument, also one with a password in it; an argument that is a
// URL wins.
func TestRun_takes_the_URL_from_the_environment(t *testing.T) {
	b := newBroker(t)
	o := outside{vars: map[string]string{"STOMPCAT_URL": strings.Replace(b.URL(), "ws://", "ws://u:secret@", 1)}}
	o.run(t, "pub", "/queue/a", "1").want(t, 0, "")
	if got := o.run(t, "ping", "-vv"); got.status != 0 || strings.Contains(got.out+got.err, "secret") || !strings.Contains(got.err, "CONNECT") {
		t.Errorf("%+v", got)
	}
	o.run(t, "ping", "--failover", "ws://u:secret@localhost/ws").want(t, statusUsage, "", "the URL has a password in it")
	o = outside{vars: map[string]string{"STOMPCAT_URL": "ws://127.0.0.1:1/ws"}}
	o.run(t, "pub", b.URL(), "/queue/a", "2").want(t, 0, "")
	o.run(t, "pub", "/queue/a", "2").want(t, statusNoConnect, "", "connect ws://127.0.0.1:1/ws: dial tcp 127.0.0.1:1: connect: connection refused")
	if got := strings.Join(bodies(b), " "); got != "1 2" {
		t.Errorf("%s", got)
	}
}

// The passcode comes from a file or the environment, and shows nowhere.
func TestRun_takes_the_passcode_from_elsewhere(t *testing.T) {
	b := newBroker(t, stomptest.WithLogin("me", "secret"))
	file := filepath.Join(t.TempDir(), "passcode")
	if err := os.WriteFile(file, []byte("secret\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := func(pairs ...string) map[string]string {
		m := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		vars   map[string]string
		args   []string
		status int
	}{
		"file":                     {nil, []string{"--login", "me", "--passcode-file", file}, 0},
		"environment":              {vars("STOMPCAT_LOGIN", "me", "STOMPCAT_PASSCODE", "secret"), nil, 0},
		"the_flag_wins":            {vars("STOMPCAT_LOGIN", "you", "STOMPCAT_PASSCODE", "secret"), []string{"--login", "me"}, 0},
		"the_file_wins":            {vars("STOMPCAT_PASSCODE", "wrong"), []string{"--login", "me", "--passcode-file", file}, 0},
		"wrong":                    {vars("STOMPCAT_PASSCODE", "wrong"), []string{"--login", "me"}, statusRefused},
		"none":                     {nil, nil, statusRefused},
		"on_a_path_that_is_not_it": {vars("STOMPCAT_PASSCODE", "secret"), []string{"--login", "me", "--http-header", "X=y"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := outside{vars: c.vars}.run(t, append([]string{"pub", b.URL(), "/queue/a", "x", "-vv"}, c.args...)...)
			if got.status != c.status || strings.Contains(got.err, "secret") {
				t.Errorf("%+v, want status %d", got, c.status)
			}
		})
	}
}

// The header of the HTTP request, with its secrets from the environment.
func TestRun_http_header(t *testing.T) {
	var got [3]string
	b := newBroker(t, stomptest.WithHTTPAuth(headers(&got)))
	o := outside{vars: map[string]string{"STOMPCAT_AUTHORIZATION": "Bearer t", "STOMPCAT_COOKIE": "a=b"}}
	o.run(t, "pub", b.URL(), "/queue/a", "x", "--http-header", "X-A=b=c").want(t, 0, "")
	if got != [3]string{"Bearer t", "a=b", "b=c"} {
		t.Errorf("%q", got)
	}
	o.vars["STOMPCAT_AUTHORIZATION"] = "no"
	o.run(t, "pub", b.URL(), "/queue/a", "x").want(t, statusRefused, "", "401 Unauthorized")
}

// The settings of CONNECT.
func TestRun_connect_flags(t *testing.T) {
	b := newBroker(t)
	outside{}.run(t, "pub", b.URL(), "/queue/a", "x", "--host", "prod", "--connect-header", "client-id=me", "--protocol-version", "1.1,1.0",
		"--heart-beat", "0,3s", "--wait", "--no-reconnect", "--failover", b.URL(), "--message-split", "5000", "--escaped-connect").want(t, 0, "")
	f := await(t, b, command("CONNECT"))
	if f.Get("host") != "prod" || f.Get("client-id") != "me" || f.Get("accept-version") != "1.0,1.1" && f.Get("accept-version") != "1.1,1.0" || f.Get("heart-beat") != "0,3000" {
		t.Error(f.Header)
	}
}

// What cannot be reached, and who is not let in.
func TestRun_connect_failures(t *testing.T) {
	b := newBroker(t, stomptest.WithVirtualHosts("/"))
	outside{}.run(t, "ping", b.URL(), "--host", "no").want(t, statusRefused, "", "Virtual host 'no' access denied")
	b.RefuseHandshakes(404, "")
	outside{}.run(t, "ping", b.URL()).want(t, statusNoConnect, "", "404 Not Found: is the path right?")
	b.RefuseHandshakes(0, "")
	b.Silence(true)
	outside{}.run(t, "ping", b.URL(), "--connect-timeout", "20ms").want(t, statusNoConnect, "", "nothing within --connect-timeout 20ms")
	signals := make(chan os.Signal, 1)
	r := outside{signals: signals}.start(t, "ping", b.URL(), "--connect-timeout", "0")
	signals <- os.Interrupt
	r.wait().want(t, 130, "")
}
