package foreign

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// The login that the brokers accept. STOMP does not escape CONNECT: the passcode's
// colon goes out as it is (clause F7).
const login, passcode = "foreign", "pass:word"

// A setting describes one run of a script.
type setting struct {
	version string // of STOMP
	profile stomptest.Profile
	opts    []stomptest.Option
	receive string // type of the WebSocket messages in which the broker sends text
	binary  bool   // the script sends binary WebSocket messages only
	split   int    // bytes per WebSocket message of a long frame; 0: all in one message
	large   int    // bytes of a large body; 0: 1 MiB
}

// config is a script's argument.
type config struct {
	URL      string   `json:"url"`
	Version  string   `json:"version"`
	Login    string   `json:"login"`
	Passcode string   `json:"passcode"`
	Checks   []string `json:"checks"`
	Receive  string   `json:"receive"`
	Binary   bool     `json:"binary"`
	Split    bool     `json:"split"`
	Large    int      `json:"large"`
}

func TestStompJS_against_stomptest(t *testing.T) {
	node := program(t, "node")
	program(t, "npm")
	dir := stompJS(t)
	binaryFrames := stomptest.WithMessageType(stomptest.MessageBinary)
	beat := stomptest.WithHeartBeat(time.Second, time.Second) // Spring sends none by default
	for name, s := range map[string]setting{
		"1.0":             {version: "1.0", receive: "text"},
		"1.1":             {version: "1.1", receive: "text"},
		"1.2":             {version: "1.2", receive: "text"},
		"1.2_binary":      {version: "1.2", receive: "binary", binary: true, opts: []stomptest.Option{binaryFrames}},
		"RabbitMQ_text":   {version: "1.2", receive: "text", profile: stomptest.RabbitMQ},
		"RabbitMQ_binary": {version: "1.2", receive: "binary", profile: stomptest.RabbitMQ, opts: []stomptest.Option{binaryFrames}},
		// Classic accepts WebSocket messages of 64 KiB, Artemis fragments of 64 KiB, which
		// stompjs does not produce, and Spring messages of 16 KiB and frames of 64 KiB.
		"Classic": {version: "1.2", receive: "text", profile: stomptest.Classic, large: 65_000},
		"Artemis": {version: "1.2", receive: "binary", profile: stomptest.Artemis, split: 16 << 10},
		"Spring":  {version: "1.2", receive: "text", profile: stomptest.Spring, split: 16 << 10, large: 65_000, opts: []stomptest.Option{beat}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, s, []string{"stompjs", name}, func(c config, _ *stomptest.Broker) script {
				return script{name: node, args: []string{"session.mjs", encode(t, c)}, dir: dir}
			})
		})
	}
}

func TestStompPy_against_stomptest(t *testing.T) {
	// Debian's interpreter: python3-stomp is installed for that one only.
	python := program(t, "/usr/bin/python3")
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import stomp; print(*stomp.__version__, sep='.')").CombinedOutput(); err != nil {
		t.Fatalf("%s has no stomp.py: %v (internal/interop/install installs it)\n%s", python, err, out)
	} else {
		t.Logf("stomp.py %s", out)
	}
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run(t, setting{version: version, opts: []stomptest.Option{stomptest.WithTCP()}}, []string{"stomp.py"}, func(c config, b *stomptest.Broker) script {
				c.URL = b.TCPURL()
				return script{name: python, args: []string{"-B", "session.py", encode(t, c)}, dir: "stomppy"} // -B: no cache folder in the sources
			})
		})
	}
}

// program returns the path of a program. It skips the test unless WEBSTOMP_INTEROP
// is set.
func program(t *testing.T, name string) string {
	t.Helper()
	servers.OptIn(t)
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v (internal/interop/install installs it)", err)
	}
	return path
}

func encode(t *testing.T, c config) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stompJS returns a folder with the script and its modules: Node looks for modules
// beside the script, and they do not belong among the sources.
func stompJS(t *testing.T) string {
	t.Helper()
	packageJSON, err := os.ReadFile("stompjs/package.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	installed, err := modules(ctx, filepath.Join(cache, "webstomp-interop"), packageJSON, npm)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sources, err := filepath.Glob("stompjs/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a script against its own broker and partner, with one subtest per check.
// names are looked up in notOffered, as are the version and the profile.
func run(t *testing.T, s setting, names []string, of func(config, *stomptest.Broker) script) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var story tail
	log := slog.New(slog.NewTextHandler(&story, nil))
	defer func() { // runs after the broker's Close: nobody writes to the log any more
		if t.Failed() {
			t.Logf("the log of the broker and our client:\n%s", story.String())
		}
	}()
	broker := stomptest.NewBroker(append(s.opts, stomptest.WithLogger(log.With("at", "broker")),
		stomptest.WithProfile(s.profile), stomptest.WithLogin(login, passcode))...)
	defer broker.Close()
	broker.Intercept(control(broker))
	opts := []stomp.ConnectOption{stomp.WithLogger(log.With("at", "client")), stomp.WithLogin(login, passcode)}
	if s.split > 0 {
		opts = append(opts, stomp.WithMessageSplit(s.split))
	}
	p, err := newPartner(ctx, broker, func(err error) { t.Error(err) }, opts...)
	if err != nil {
		t.Fatal(err)
	}
	c := config{
		URL: broker.URL(), Version: s.version, Login: login, Passcode: passcode,
		Receive: s.receive, Binary: s.binary, Split: s.split > 0, Large: s.large,
	}
	if c.Large == 0 {
		c.Large = 1 << 20
	}
	c.Checks = offered(func(check, why string) { t.Logf("not offered: %s: %s", check, why) },
		append(names, s.version, s.profile.String())...)
	report, err := of(c, broker).run(ctx, func(v verdict) {
		t.Run(v.check, func(t *testing.T) {
			if v.reason != "" {
				t.Error(v.reason)
			} else if v.check == "disconnect" {
				leftCleanly(t, ctx, broker)
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
	if report != nil {
		if missing, others := report.missing(c.Checks); missing != nil || others != nil {
			t.Errorf("these checks did not report: %v; and these were not asked for: %v", missing, others)
		}
	}
	if sessions := p.client.Stats().Sessions; slices.Contains(c.Checks, "cut") && sessions != 2 {
		t.Errorf("our client had %d sessions, want one before the cut and one after it", sessions)
	}
	if err := p.close(); err != nil {
		t.Errorf("our client ended: %v", err)
	}
	if n := broker.StaleAcks(); n != 0 {
		t.Errorf("%d acks came for messages of another connection", n)
	}
}

// control lets a script order the broker to misbehave, with a SEND to
// /queue/control.
func control(broker *stomptest.Broker) func(stomptest.Event) stomptest.Action {
	return func(e stomptest.Event) stomptest.Action {
		if e.Direction != stomptest.In || e.Frame.Command != "SEND" || e.Frame.Get("destination") != "/queue/control" {
			return stomptest.Pass()
		}
		switch string(e.Frame.Body) {
		case "silence": // on this connection
			return stomptest.FallSilent()
		case "cut": // every connection
			broker.Cut()
		case "bye": // it marks the connection for leftCleanly
		default:
			return stomptest.ReplyError("no such order", nil, e.Frame.Body, true)
		}
		return stomptest.Drop()
	}
}

// leftCleanly expects the connection that sent bye to have sent DISCONNECT next, and
// nothing after it.
func leftCleanly(t *testing.T, ctx context.Context, broker *stomptest.Broker) {
	bye, err := broker.AwaitReceived(ctx, func(e stomptest.Event) bool {
		return e.Frame.Get("destination") == "/queue/control" && string(e.Frame.Body) == "bye"
	})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range broker.Received() {
		if e.Connection == bye.Connection {
			said = append(said, e.Frame.Command)
		}
	}
	if got := strings.Join(said[1:], " "); got != "SEND DISCONNECT" {
		t.Errorf("it sent %s, want CONNECT, SEND and DISCONNECT", strings.Join(said, " "))
	}
}
