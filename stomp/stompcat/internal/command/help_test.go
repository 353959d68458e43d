package command

import (
	"strings"
	"testing"
)

// Each command has a page like a manual's, the exit statuses stand in the first one, and no line is wider than it
// should be where it is not a flag's.
func TestHelp(t *testing.T) {
	root := outside{}.run(t)
	for _, want := range []string{"Name\n  stompcat - STOMP over WebSocket", "\nMessages\n  pub ", "\nAbout a server\n  bench ", "\nExit status\n  0 ", "\nEnvironment\n  STOMPCAT_URL ", "\nOptions of every command\n", "exit-status  What"} {
		if root.status != 0 || !strings.Contains(root.out, want) {
			t.Errorf("%q is not in\n%s", want, root.out)
		}
	}
	for _, name := range []string{"sub", "pub", "req", "ping", "doctor", "bench"} {
		got := outside{}.run(t, name, "--help")
		for _, want := range []string{"Name\n  stompcat " + name + " - ", "\nUsage\n  stompcat " + name + " [URL]", "\nDescription\n  ", "\nOptions\n  ", "\nOptions of the connection\n  ", "\nExamples\n  stompcat " + name, "See also\n"} {
			if got.status != 0 || got.err != "" || !strings.Contains(got.out, want) {
				t.Errorf("%q is not in\n%s%s", want, got.out, got.err)
			}
		}
		for line := range strings.Lines(got.out) {
			if len(line) > 100 && !strings.Contains(line, "stompcat "+name) {
				t.Errorf("%s: a line of %d: %s", name, len(line), line)
			}
		}
		if strings.Contains(got.out, "\x1b") || strings.Contains(got.out, "Global Flags") {
			t.Errorf("%s", got.out)
		}
	}
	if got := (outside{}).run(t, "sub", "--help", "--color", "always"); !strings.HasPrefix(got.out, "\x1b[1mName\x1b[0m\n") {
		t.Errorf("%q", got.out)
	}
	if got := (outside{}).run(t, "help", "exit-status"); got.status != 0 || got.out != strings.Replace(statusHelp, "status:", "status", 1) {
		t.Errorf("%+v", got)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := (outside{}).run(t, "completion", shell); got.status != 0 || !strings.Contains(got.out, "stompcat") {
			t.Errorf("%s: %d", shell, got.status)
		}
	}
	for words, want := range map[string]string{"sub --ack ": "client-individual", "sub --overflow ": "latest", "ping --color ": "never", "b": "bench"} {
		if got := (outside{}).run(t, append([]string{"__complete"}, strings.Split(words, " ")...)...); !strings.Contains(got.out, want) {
			t.Errorf("%q: %q is not in %q", words, want, got.out)
		}
	}
}
