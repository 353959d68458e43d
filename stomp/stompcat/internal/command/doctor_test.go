package command

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// mistake is a command line that goes wrong, and what doctor has to say of it.
type mistake struct {
	url    string
	args   []string
	vars   map[string]string
	status int
	says   []string
}

// Each mistake that doctor knows, against a server that has it.
func TestDoctor_knows_the_usual_mistakes(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) mistake{
		"none": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithProfile(stomptest.RabbitMQ4), stomptest.WithLogin("me", "secret"))
			return mistake{b.URL(), []string{"--login", "me"}, map[string]string{"STOMPCAT_PASSCODE": "secret"}, 0, []string{
				"ok      URL           " + b.URL(), "ok      port          127.0.0.1:", "ok      WebSocket     subprotocol v12.stomp", "ok      STOMP         1.2 from RabbitMQ/4.3",
				"ok      login         me is let in", "ok      receipts      ", "ok      heart-beats   the server sends one every 10s"}}
		},
		"no_scheme": func(t *testing.T) mistake {
			url := strings.TrimPrefix(newBroker(t).URL(), "ws://")
			return mistake{url, nil, nil, statusUsage, []string{"failed  URL           bad URL: it has no scheme", "→ write ws:// in front of it, or wss:// with TLS", "ok      STOMP"}}
		},
		"unknown_scheme": func(*testing.T) mistake {
			return mistake{"amqp://localhost", nil, nil, statusUsage, []string{`failed  URL           bad URL: unknown scheme "amqp": known are ws`}}
		},
		"entry_that_is_not_ours": func(*testing.T) mistake {
			return mistake{"ws://localhost", []string{"--connect-header", "host=x"}, nil, statusUsage, []string{`--connect-header: "host" is written by the library; use --host`}}
		},
		"path": func(t *testing.T) mistake {
			url := mounted(t, nil, map[string]http.Handler{"/stomp": newBroker(t).Handler()})
			return mistake{url + "/", nil, nil, statusNoConnect, []string{"failed  connect       the server refused the WebSocket upgrade: 404 Not Found", "→ use " + url + "/stomp: STOMP is spoken there", "note    again         with " + url + "/stomp\n", "ok      STOMP         1.2 from stomptest/"}}
		},
		"path_of_a_server_that_wants_a_login": func(t *testing.T) mistake {
			url := mounted(t, nil, map[string]http.Handler{"/ws": newBroker(t, stomptest.WithLogin("me", "secret")).Handler()})
			return mistake{url + "/stomp", nil, nil, statusNoConnect, []string{"→ use " + url + "/ws: STOMP is spoken there", "failed  login         ", "→ give a login: --login"}}
		},
		"SockJS": func(t *testing.T) mistake {
			url := mounted(t, nil, map[string]http.Handler{"/app/socket": saying(200, "Welcome to SockJS!\n"), "/app/socket/websocket": newBroker(t).Handler()})
			return mistake{url + "/app/socket", nil, nil, statusNoConnect, []string{"this is an endpoint of SockJS: append /websocket to the path", "→ use " + url + "/app/socket/websocket: STOMP is spoken there"}}
		},
		"no_path_at_all": func(t *testing.T) mistake {
			url := mounted(t, nil, nil)
			return mistake{url + "/mine", nil, nil, statusNoConnect, []string{"→ none of these paths speaks STOMP either: /mine/websocket /ws /stomp"}}
		},
		"TLS_missing": func(t *testing.T) mistake {
			ca := rig.NewAuthority(t)
			cert := ca.Server(t)
			url := mounted(t, &cert, map[string]http.Handler{"/ws": newBroker(t).Handler()})
			return mistake{strings.Replace(url, "wss:", "ws:", 1) + "/ws", []string{"--cacert", ca.WriteFile(t)}, nil, statusNoConnect,
				[]string{"400 Bad Request: it speaks TLS on this port", "→ use " + url + "/ws: STOMP is spoken there"}}
		},
		"TLS_too_much": func(t *testing.T) mistake {
			url := newBroker(t).URL()
			return mistake{strings.Replace(url, "ws:", "wss:", 1), nil, nil, statusNoConnect, []string{"the server does not speak TLS on this port", "→ use " + url + ": STOMP is spoken there"}}
		},
		"certificate_of_a_private_CA": func(t *testing.T) mistake {
			cert := rig.NewAuthority(t).Server(t)
			url := mounted(t, &cert, map[string]http.Handler{"/ws": newBroker(t).Handler()})
			return mistake{url + "/ws", nil, nil, statusNoConnect, []string{"note    TLS           TLS 1.3; certificate for 127.0.0.1, by CA, until ", "failed  certificate   ", "is it signed by a private CA? Then name its file by --cacert"}}
		},
		"certificate_expired": func(t *testing.T) mistake {
			ca := rig.NewAuthority(t)
			cert := ca.Expired(t)
			url := mounted(t, &cert, map[string]http.Handler{"/ws": newBroker(t).Handler()})
			return mistake{url + "/ws", []string{"--cacert", ca.WriteFile(t)}, nil, statusNoConnect, []string{"failed  certificate   ", "has the server taken up its new certificate?"}}
		},
		"certificate_of_another_name": func(t *testing.T) mistake {
			ca := rig.NewAuthority(t)
			cert := ca.IssueFor(t, "elsewhere.test")
			url := mounted(t, &cert, map[string]http.Handler{"/ws": newBroker(t).Handler()})
			return mistake{url + "/ws", []string{"--cacert", ca.WriteFile(t)}, nil, statusNoConnect, []string{"certificate for elsewhere.test", "failed  certificate   ", "or set --server-name"}}
		},
		"certificate_all_well": func(t *testing.T) mistake {
			ca := rig.NewAuthority(t)
			cert := ca.IssueFor(t, "elsewhere.test")
			url := mounted(t, &cert, map[string]http.Handler{"/ws": newBroker(t).Handler()})
			return mistake{url + "/ws", []string{"--cacert", ca.WriteFile(t), "--server-name", "elsewhere.test"}, nil, 0, []string{"TLS           TLS 1.3; certificate for elsewhere.test, by ", "ok      STOMP"}}
		},
		"certificate_of_the_client": func(t *testing.T) mistake {
			ca := rig.NewAuthority(t)
			config := rig.Presenting(ca.Server(t))
			config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool
			_, urls := rig.TLSBroker(t, config)
			return mistake{urls["wss"], []string{"--cacert", ca.WriteFile(t)}, nil, statusNoConnect, []string{"failed  certificate   ", "wants a certificate of the client: set --cert and --key"}}
		},
		"STOMP_over_TCP": func(t *testing.T) mistake {
			url := newBroker(t, stomptest.WithTCP()).TCPURL()
			return mistake{strings.Replace(url, "tcp:", "ws:", 1), nil, nil, statusNoConnect, []string{"→ use " + url + ": STOMP is spoken there"}}
		},
		"STOMP_over_a_WebSocket": func(t *testing.T) mistake {
			url := newBroker(t).URL()
			return mistake{strings.TrimSuffix(strings.Replace(url, "ws:", "tcp:", 1), "/ws"), nil, nil, statusNoConnect, []string{"a web server answers there", "→ use " + url + ": STOMP is spoken there"}}
		},
		"STOMP_over_TLS": func(t *testing.T) mistake {
			ca := rig.NewAuthority(t)
			_, urls := rig.TLSBroker(t, rig.Presenting(ca.Server(t)))
			return mistake{strings.Replace(urls["tls"], "tls:", "tcp:", 1), []string{"--cacert", ca.WriteFile(t)}, nil, statusNoConnect, []string{"→ use " + urls["tls"] + ": STOMP is spoken there"}}
		},
		"nothing_of_the_kind": func(t *testing.T) mistake {
			return mistake{"tcp://" + listening(t, "220 mail.test ESMTP\r\n"), nil, nil, statusNoConnect, []string{"does a STOMP server listen there?"}}
		},
		"silence": func(t *testing.T) mistake {
			return mistake{"ws://" + listening(t, ""), []string{"--connect-timeout", "30ms"}, nil, statusNoConnect, []string{"failed  connect       waiting for the answer to the WebSocket upgrade: context deadline exceeded", "→ it takes connections and answers nothing"}}
		},
		"nobody_listens": func(t *testing.T) mistake {
			return mistake{"ws://127.0.0.1:1/ws", nil, nil, statusNoConnect, []string{"failed  port          dial tcp 127.0.0.1:1: connect: connection refused", "→ "}}
		},
		"virtual_host": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithVirtualHosts("/", "prod"), stomptest.WithProfile(stomptest.RabbitMQ4))
			return mistake{b.URL(), []string{"--host", "prd"}, nil, statusRefused, []string{"failed  virtual host  ", "→ with the virtual host / it works: leave --host out, or correct prd"}}
		},
		"virtual_host_missing": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithVirtualHosts("prod"), stomptest.WithProfile(stomptest.RabbitMQ4))
			return mistake{b.URL(), nil, nil, statusRefused, []string{"failed  virtual host  ", "→ name one that the user may use with --host"}}
		},
		"login_missing": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithLogin("me", "secret"))
			return mistake{b.URL(), nil, nil, statusRefused, []string{"ok      connect       a STOMP server answers at", "failed  login         ", "→ give a login: --login"}}
		},
		"passcode_missing": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithLogin("me", "secret"))
			return mistake{b.URL(), []string{"--login", "me"}, nil, statusRefused, []string{"→ there is no passcode: set STOMPCAT_PASSCODE or --passcode-file"}}
		},
		"passcode_wrong": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithLogin("me", "secret"))
			return mistake{b.URL(), []string{"--login", "me"}, map[string]string{"STOMPCAT_PASSCODE": "secre"}, statusRefused, []string{"→ correct --login or the passcode"}}
		},
		"guest_from_elsewhere": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithLogin("me", "secret"))
			return mistake{b.URL(), []string{"--login", "guest"}, map[string]string{"STOMPCAT_PASSCODE": "guest"}, statusRefused, []string{"→ correct the passcode; from another machine RabbitMQ does not let guest in"}}
		},
		"passcode_with_a_backslash": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithLogin("me", `sec\\ret`), stomptest.WithProfile(stomptest.RabbitMQ4))
			return mistake{b.URL(), []string{"--login", "me"}, map[string]string{"STOMPCAT_PASSCODE": `sec\\ret`}, statusRefused, []string{"→ this server unescapes the passcode, against the specification: --escaped-connect"}}
		},
		"version": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithVersions("1.2"))
			return mistake{b.URL(), []string{"--protocol-version", "1.0"}, nil, statusRefused, []string{"failed  version       ", "→ leave --protocol-version out"}}
		},
		"HTTP_login": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithHTTPAuth(func(*http.Request) int { return 401 }))
			return mistake{b.URL(), nil, nil, statusRefused, []string{"failed  login         ", "→ the HTTP request lacks credentials", "STOMPCAT_AUTHORIZATION"}}
		},
		"HTTP_forbidden": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithHTTPAuth(func(*http.Request) int { return 403 }))
			return mistake{b.URL(), nil, nil, statusRefused, []string{"failed  login         ", "or it takes connections of certain origins alone"}}
		},
		"origin": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithHTTPAuth(func(r *http.Request) int {
				if r.Header.Get("Origin") == "http://"+r.Host && r.Header.Get("Authorization") == "Bearer s3cret" {
					return 0
				}
				return 403
			}))
			return mistake{b.URL(), nil, map[string]string{"STOMPCAT_AUTHORIZATION": "Bearer s3cret"}, statusRefused, []string{"→ the server wants to know where a page comes from: --http-header Origin=http://127.0.0.1:"}}
		},
		"no_receipts": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithProfile(stomptest.Spring))
			return mistake{b.URL(), nil, nil, 0, []string{"note    receipts      none came within 2s, as from Spring's simple broker: pub needs --no-receipt", "note    heart-beats   the server promises none"}}
		},
		"no_subprotocol": func(t *testing.T) mistake {
			b := newBroker(t, stomptest.WithSubprotocols())
			return mistake{b.URL(), nil, nil, 0, []string{"note    WebSocket     the server has chosen no subprotocol", "ok      login         it lets us in without one"}}
		},
		"gateway_without_a_server": func(t *testing.T) mistake {
			url := mounted(t, nil, map[string]http.Handler{"/": saying(502, "")})
			return mistake{url + "/ws", nil, nil, statusNoConnect, []string{"502 Bad Gateway: it is a proxy, and the server behind it does not answer"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := make(t)
			got := outside{vars: m.vars}.run(t, append([]string{"doctor", m.url}, m.args...)...)
			if got.status != m.status || got.err != "" {
				t.Errorf("status %d, want %d; %s", got.status, m.status, got.err)
			}
			for _, want := range m.says {
				if !strings.Contains(got.out, want) {
					t.Errorf("%q is not in\n%s", want, got.out)
				}
			}
			for secret := range maps.Values(m.vars) {
				if strings.Contains(got.out, secret) && secret != "guest" {
					t.Errorf("the report has %q in it:\n%s", secret, got.out)
				}
			}
		})
	}
}

func TestDoctor_json(t *testing.T) {
	b := newBroker(t, stomptest.WithLogin("me", "secret"))
	got := outside{}.run(t, "doctor", b.URL(), "--json")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	var last struct{ Check, Result, Text, Advice string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Check != "login" || last.Result != "failed" || last.Advice == "" || last.Text == "" || len(lines) != 4 {
		t.Errorf("%v: %s", err, got.out)
	}
}

// What a flag names may be a pipe, as <(pass show broker) is, which can be read once: doctor asks for it at each attempt.
func TestDoctor_reads_a_file_once(t *testing.T) {
	if _, err := os.Stat("/dev/fd"); err != nil {
		t.Skip("this system has no names for open files: ", err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	io.WriteString(writer, "secret\n")
	writer.Close()
	b := newBroker(t, stomptest.WithLogin("me", "secret"))
	got := outside{}.run(t, "doctor", b.URL(), "--login", "me", "--passcode-file", fmt.Sprint("/dev/fd/", reader.Fd()))
	if got.status != 0 || !strings.Contains(got.out, "me is let in") {
		t.Errorf("%+v", got)
	}
}

// Neither the password of a URL nor its query, which may be a token, is shown: not of the URL that is wrong, nor of the
// one that is found.
func TestDoctor_shows_no_secret_of_the_URL(t *testing.T) {
	url := mounted(t, nil, map[string]http.Handler{"/ws": newBroker(t).Handler()})
	secret := strings.Replace(url, "ws://", "ws://me:hunter2@", 1) + "/wrong?access_token=hunter2"
	got := outside{vars: map[string]string{"STOMPCAT_URL": secret}}.run(t, "doctor", "-vv")
	if got.status != statusNoConnect || !strings.Contains(got.out, "/ws: STOMP is spoken there") || strings.Contains(got.out+got.err, "hunter2") {
		t.Errorf("%+v", got)
	}
}

// What is secret goes to host and port of the URL, and not without TLS where that has it: whoever keeps TLS from
// coming about would get it.
func TestDoctor_keeps_secrets_to_the_URL(t *testing.T) {
	b := newBroker(t)
	var seen buffer
	url := mounted(t, nil, map[string]http.Handler{"/ws": recording(&seen, b.Handler())})
	got := outside{vars: map[string]string{
		"STOMPCAT_URL":           strings.Replace(url, "ws://", "wss://me:hunter2@", 1) + "/ws?access_token=hunter2",
		"STOMPCAT_PASSCODE":      "hunter2",
		"STOMPCAT_AUTHORIZATION": "Bearer hunter2",
		"STOMPCAT_COOKIE":        "session=hunter2",
	}}.run(t, "doctor", "--login", "me", "--connect-header", "token=hunter2", "--http-header", "X-Api-Key=hunter2")
	for _, want := range []string{"→ use " + url + "/ws: STOMP is spoken there", "note    again         not with " + url + "/ws: what is secret"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in\n%s", want, got.out)
		}
	}
	if seen.String() == "" {
		t.Error("nothing was tried")
	}
	told := fmt.Sprint(seen.String(), b.Received(), got.out, got.err)
	if got.status != statusNoConnect || strings.Contains(told, "hunter2") || strings.Contains(told, "aHVudGVyMg") || strings.Contains(told, "login:me") {
		t.Errorf("status %d; it told %s", got.status, told)
	}
}

// The same with a server that wants them, and with a URL that may have meant TLS.
func TestDoctor_tells_who_wants_secrets(t *testing.T) {
	var seen buffer
	url := mounted(t, nil, map[string]http.Handler{"/ws": recording(&seen, saying(401, ""))})
	o := outside{vars: map[string]string{"STOMPCAT_AUTHORIZATION": "Bearer hunter2"}}
	got := o.run(t, "doctor", strings.Replace(url, "ws://", "wss://", 1)+"/ws")
	if !strings.Contains(got.out, "→ "+url+"/ws answers and wants credentials") || strings.Contains(seen.String(), "hunter2") {
		t.Errorf("%s\nit told %s", got.out, seen.String())
	}
	b := newBroker(t)
	got = o.run(t, "doctor", strings.TrimPrefix(b.URL(), "ws://"))
	if got.status != statusUsage || !strings.Contains(got.out, "→ write ws:// in front of it, or wss:// with TLS") || len(b.Received()) > 0 {
		t.Errorf("%+v; the broker has %v", got, b.Received())
	}
}

// A query belongs to the URL, and one path's refusal is not another's.
func TestDoctor_finds_the_path_that_takes_the_token(t *testing.T) {
	guarded := func(status int, allows func(*http.Request) bool) http.Handler {
		return newBroker(t, stomptest.WithHTTPAuth(func(r *http.Request) int {
			if allows(r) {
				return 0
			}
			return status
		})).Handler()
	}
	query := func(r *http.Request) bool { return r.URL.Query().Get("token") == "right" }
	header := func(r *http.Request) bool { return r.Header.Get("Authorization") == "right" }
	never := func(*http.Request) bool { return false }
	for name, c := range map[string]struct {
		url      string
		vars     map[string]string
		handlers map[string]http.Handler
		says     string
	}{
		"query":           {"/wrong?token=right", nil, map[string]http.Handler{"/ws": guarded(200, query)}, "/ws: STOMP is spoken there"},
		"header_and_400":  {"/wrong", map[string]string{"STOMPCAT_AUTHORIZATION": "right"}, map[string]http.Handler{"/ws": guarded(400, header)}, "/ws: STOMP is spoken there"},
		"after_a_refusal": {"/wrong", map[string]string{"STOMPCAT_AUTHORIZATION": "right"}, map[string]http.Handler{"/ws": guarded(403, never), "/stomp": guarded(403, header)}, "/stomp: STOMP is spoken there"},
	} {
		t.Run(name, func(t *testing.T) {
			url := mounted(t, nil, c.handlers)
			if got := (outside{vars: c.vars}).run(t, "doctor", url+c.url); !strings.Contains(got.out, c.says) {
				t.Errorf("%q is not in\n%s", c.says, got.out)
			}
		})
	}
}

// Where the right path wants the token it gets it, and a token that is refused is not tried at each path.
func TestDoctor_tells_the_token_where_it_is_wanted(t *testing.T) {
	for name, want := range map[string]struct {
		token string
		seen  int
		says  string
	}{
		"right": {"Bearer right", 3, "/ws: STOMP is spoken there"},
		"wrong": {"Bearer wrong", 2, "none of these paths speaks STOMP either"},
	} {
		t.Run(name, func(t *testing.T) {
			guarded := newBroker(t, stomptest.WithHTTPAuth(func(r *http.Request) int {
				if r.Header.Get("Authorization") == "Bearer right" {
					return 0
				}
				return 401
			})).Handler()
			var seen buffer
			handlers := map[string]http.Handler{"/": recording(&seen, http.NotFoundHandler())}
			for _, path := range []string{"/ws", "/stomp", "/chat"} {
				handlers[path] = recording(&seen, guarded)
			}
			url := mounted(t, nil, handlers)
			got := outside{vars: map[string]string{"STOMPCAT_AUTHORIZATION": want.token}}.run(t, "doctor", url+"/mine")
			if n := strings.Count(seen.String(), want.token); n != want.seen || !strings.Contains(got.out, want.says) || got.status != statusNoConnect {
				t.Errorf("status %d, told %d times: %s", got.status, n, got.out)
			}
		})
	}
}

// recording notes what the requests for a handler have in them.
func recording(seen *buffer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(seen, r.URL, r.Header)
		next.ServeHTTP(w, r)
	})
}

// mounted returns the URL, without a path, of a web server that answers 404 everywhere else; with TLS if there is a
// certificate.
func mounted(t *testing.T, cert *tls.Certificate, handlers map[string]http.Handler) string {
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.Handle(path, handler)
	}
	return rig.WebSocketURL(rig.NewHTTPServer(t, mux, cert))
}

func saying(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// listening returns the address of a server that greets with a text, or takes what comes in silence.
func listening(t *testing.T, greeting string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // joined by the cleanup
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(nc, greeting)
			defer nc.Close()
			if greeting != "" {
				nc.SetReadDeadline(time.Now().Add(time.Second))
				nc.Read(make([]byte, 4096))
				nc.Close()
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}
