package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// headers notes what an upgrade has in its HTTP header, and wants credentials.
func headers(got *[3]string) func(*http.Request) int {
	return func(r *http.Request) int {
		*got = [3]string{r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("X-A")}
		if strings.HasPrefix(got[0], "Bearer ") {
			return 0
		}
		return http.StatusUnauthorized
	}
}

// Errors name flags, and not what one would write in Go.
func TestInFlags(t *testing.T) {
	for text, want := range map[string]string{
		`WithHeader: "login" is written by the library; use WithLogin or WithCredentials`:          `--header: "login" is written by the library; use --login`,
		"is it signed by a private CA? That belongs into RootCAs of the tls.Config":                "is it signed by a private CA? Then name its file by --cacert",
		"dial a name that stands in the certificate, or set ServerName in the tls.Config":          "dial a name that stands in the certificate, or set --server-name",
		"a client: set Certificates in the tls.Config; the server takes any":                       "a client: set --cert and --key; the server takes any",
		"16,640 bytes and binary ones up to 8,192 by default: see WithMessageSplit":                "16,640 bytes and binary ones up to 8,192 by default: see --message-split",
		"body of 9 bytes is above the limit of 8 (see WithLimits)":                                 "body of 9 bytes is above the limit of 8",
		"drops fast publishers that promise heart-beats: WithHeartBeat(0, …) promises none":        "drops fast publishers that promise heart-beats: --heart-beat 0,10s sends none",
		"301 Moved Permanently to ws://x/: dial that address itself, or set CheckRedirect":         "301 Moved Permanently to ws://x/: use that address instead",
		"WithHTTPHeader has no meaning on a bare socket":                                           "--http-header has no meaning on a bare socket",
		"bad URL: tcp takes no user and password: they belong into the login of STOMP (WithLogin)": "bad URL: tcp takes no user and password: they belong into the login of STOMP (--login)",
	} {
		if got := inFlags(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	for want, errs := range map[int][]error{
		0:               {nil},
		statusFailed:    {errors.New("x"), os.ErrPermission},
		statusUsage:     {&usageError{errors.New("x")}, &quietError{&usageError{context.DeadlineExceeded}}},
		statusNoConnect: {&stomp.ConnectError{Err: context.DeadlineExceeded}, &stomp.ConnectError{StatusCode: 404, Err: errors.New("x")}},
		statusRefused:   {&stomp.ConnectError{Err: &stomp.Error{}}, &stomp.ConnectError{StatusCode: 401, Err: errors.New("x")}},
		statusTimeout:   {context.DeadlineExceeded, &timeoutError{"x"}},
		statusError:     {fmt.Errorf("x: %w", &stomp.Error{})},
		statusLost:      {fmt.Errorf("x: %w", stomp.ErrConnectionLost), stomp.ErrHeartBeat},
		130:             {&interruptedError{os.Interrupt}, &stomp.ConnectError{Err: fmt.Errorf("%w: %w", context.Canceled, &interruptedError{syscall.SIGINT})}},
		143:             {&interruptedError{syscall.SIGTERM}},
	} {
		for _, err := range errs {
			if got := statusOf(err); got != want {
				t.Errorf("%v: %d, want %d", err, got, want)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 100000: "100,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := plural(1, "message") + plural(2000, "message"); got != "1 message2,000 messages" {
		t.Error(got)
	}
	for d, want := range map[int]string{1500: "1.5 µs", 12_345_678: "12.3 ms", 2_000_000_000: "2 s"} {
		if got := short(durationOf(d)); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
