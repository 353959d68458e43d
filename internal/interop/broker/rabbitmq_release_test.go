package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRabbitMQRelease_missing_says_why(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	var missing *Missing
	if _, err := NewRabbitMQ(t.TempDir(), RabbitMQOptions{}); !errors.As(err, &missing) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nobody tried to install it: %v, want a *Missing", err)
	}
	why := filepath.Join(cache, "webstomp-interop", "rabbitmq-forky.failed")
	if err := os.MkdirAll(filepath.Dir(why), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(why, []byte("the mirror is away\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewRabbitMQ(t.TempDir(), RabbitMQOptions{Release: RabbitMQ43})
	if want := "no RabbitMQ of Debian forky: the mirror is away ("; !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want a *Missing that begins with %q", err, want)
	}
}

func TestAtLeast_compares_numbers(t *testing.T) {
	for version, want := range map[string]bool{
		"4.2.6": true, "4.2.10": true, "4.10": true, "4.3.0": true, "5.0.0": true, "10.0.0": true, "4.2.6.1": true,
		"4.2.5": false, "4.2": false, "3.13.7": false, "?": false, "": false,
	} {
		if got := atLeast(version, 4, 2, 6); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
