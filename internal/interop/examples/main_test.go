package examples

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
)

func TestMain(m *testing.M) { leak.Main(m) }

// root is the repository.
const root = "../../.."

// server is a broker that runs until its test ends, and the examples that run on it.
type server struct {
	url    string
	bin    string // the folder of the examples
	client *stomp.Client
}

// running is a broker of package broker.
type running interface {
	broker.Broker
	URL() string
}

// start starts a broker.
func start[B running](t *testing.T, bin string, prepare func(dir string) (B, error)) (*server, B) {
	t.Helper()
	b, err := prepare(t.TempDir())
	servers.Require(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	servers.Require(t, b.Start(ctx))
	t.Cleanup(b.Stop)
	client, err := stomp.Connect(ctx, b.URL(), stomp.WithLogin("guest", "guest"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &server{url: b.URL(), bin: bin, client: client}, b
}

// build builds the examples, and returns the folder in which they are.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for dir, what := range map[string]string{root: "./examples/...", root + "/examples/nhooyr": "."} {
		if out, err := exec.Command("go", "build", "-C", dir, "-ldflags=-s -w", "-o", bin+"/", what).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return bin
}

// start starts an example, logged in.
func (s *server) start(t *testing.T, example string, args ...string) *exampletest.Process {
	t.Helper()
	args = append([]string{"-url", s.url, "-login", "guest", "-passcode", "guest"}, args...) // of a flag given twice the last one counts
	return exampletest.StartProgram(t, filepath.Join(s.bin, example), args...)
}

// send sends messages, and returns when the broker has them.
func (s *server) send(t *testing.T, destination string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := s.client.Send(t.Context(), destination, []byte(body), stomp.WithReceipt()); err != nil {
			t.Fatal(err)
		}
	}
}
