package docs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shutdownHarness runs a recipe, which takes the place of RECIPE, on a broker that cancels its subscription when the
// first job is done. Nobody sends SIGTERM.
const shutdownHarness = `package recipes

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func report(error) {}

func serve(client *stomp.Client) error {
	RECIPE
	return err
}

func TestServe(t *testing.T) {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	defer broker.Close()
	client, err := stomp.Connect(t.Context(), broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	broker.Publish("/queue/jobs", nil, nil)
	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == "ACK" {
			broker.Cancel("/queue/jobs")
		}
		return stomptest.Pass()
	})
	ended := make(chan error, 1)
	go func() { ended <- serve(client) }()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "cancelled subscription") {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on without a subscription")
	}
}
`

// Drain has to begin when the subscription alone has ended, too: nothing else would end the program.
func TestRecipe_shutdown_ends_with_its_subscription(t *testing.T) {
	all := blocks(t, "go")
	at := slices.IndexFunc(all, func(b block) bool {
		return b.page == "docs/recipes.md" && strings.Contains(b.text, "client.Drain(")
	})
	if at < 0 {
		t.Fatal("the recipe was not found")
	}
	recipe := elided.ReplaceAllString(all[at].text, "")
	file := filepath.Join(t.TempDir(), "shutdown_test.go")
	if err := os.WriteFile(file, []byte(strings.Replace(shutdownHarness, "RECIPE", recipe, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, root, "go test -vet=off "+file)
}
