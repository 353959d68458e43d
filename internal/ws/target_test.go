package ws

import (
	"strings"
	"testing"
)

func TestParseURL_accepts(t *testing.T) {
	for _, tc := range []struct {
		raw, want, address string
		bare, secure       bool
	}{
		{raw: "ws://localhost:15674/ws", want: "ws://localhost:15674/ws"},
		{raw: "wss://h/ws?token=secret", want: "wss://h/ws", secure: true},
		{raw: "http://h", want: "http://h"},
		{raw: "HTTPS://h:1/", want: "https://h:1/", secure: true},
		{raw: "ws://user:secret@h/ws", want: "ws://user@h/ws"},
		{raw: "wss://:secret@h/", want: "wss://@h/", secure: true},
		{raw: "tcp://h", want: "tcp://h", address: "h:61613", bare: true},
		{raw: "stomp://h:65535/", want: "stomp://h:65535/", address: "h:65535", bare: true},
		{raw: "tls://[::1]", want: "tls://[::1]", address: "[::1]:61613", bare: true, secure: true},
		{raw: "stomp+ssl://h:61614", want: "stomp+ssl://h:61614", address: "h:61614", bare: true, secure: true},
	} {
		t.Run(tc.raw, func(t *testing.T) {
			got := target(t, tc.raw)
			if got.String() != tc.want || got.Bare() != tc.bare || got.secure() != tc.secure {
				t.Errorf("%s, bare %t, secure %t", got, got.Bare(), got.secure())
			}
			if tc.bare && got.address() != tc.address {
				t.Errorf("address %s, want %s", got.address(), tc.address)
			}
		})
	}
}

func TestParseURL_errors(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"empty", "", "no scheme"},
		{"no_scheme", "//localhost/ws", "no scheme"},
		{"host_for_a_scheme", "localhost:15674", "no scheme: write ws://"},
		{"address_for_a_scheme", "127.0.0.1:61613", "no scheme: write ws://"},
		{"host_and_path", "secret/ws", "no scheme: write ws://"},
		{"user_for_a_scheme", "u:secret@h/ws", "no scheme: write ws://"},
		{"nothing_before_the_slashes", "://h/ws", "no scheme: write ws://"},
		{"blank_before", " ws://u:secret@h/ws", "white space stands before or behind it"},
		{"line_feed_behind", "ws://u:secret@h/ws\n", "white space stands before or behind it"},
		{"unknown_scheme", "amqp://h", "known are ws, wss, http, https, tcp, stomp, tls and stomp+ssl"},
		{"no_host", "ws:///ws", "no host"},
		{"no_host_but_port", "ws://:80/ws", "no host"},
		{"opaque", "ws:h", "no host"},
		{"port_0", "ws://h:0/", "port 0 is not between"},
		{"port_too_big", "tcp://h:65536", "port 65536 is not between"},
		{"port_no_number", "ws://h:http/", "invalid port"},
		{"fragment", "ws://h/ws#a", "fragment"},
		{"empty_fragment", "ws://h/ws#", "fragment"},
		{"bare_with_path", "tcp://h/ws", "no path"},
		{"bare_with_query", "tls://h?a", "no query"},
		{"bare_with_user", "stomp://u:secret@h", "login of STOMP"},
		{"control_character", "ws://h/\na", "control character"},
		{"password_with_a_percent", "ws://u:secret%zz@h", "percent-encoded"},
		{"password_with_a_hash", "ws://u:secret#1@h", "percent-encoded"},
		{"password_with_a_space", "ws://u:secret 1@h", "percent-encoded"},
		{"password_and_bad_host", "ws://u:secret@h^/", "percent-encoded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseURL(tc.raw)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("%v; want %q in it", err, tc.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Fatalf("the password is in the error: %v", err)
			}
		})
	}
}

func TestTarget_zero_value(t *testing.T) {
	var zero Target
	if zero.String() != "" || zero.Bare() {
		t.Errorf("%q, bare %t", zero.String(), zero.Bare())
	}
	if _, err := Dial(t.Context(), zero, DialOptions{}); err == nil || !strings.Contains(err.Error(), "ParseURL") {
		t.Errorf("Dial: %v", err)
	}
}
