package proxy

import (
	"fmt"
	"strings"
	"time"
)

// haproxy returns the configuration of a HAProxy that listens there.
func haproxy(s setup, listen string) string {
	var conf, frontend, backend strings.Builder
	add := func(b *strings.Builder, format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	add(&conf, "global")
	add(&conf, "hard-stop-after 300ms") // of connections of before a reload
	if s.narrow {
		add(&conf, "tune.bufsize 4096")
		add(&conf, "tune.maxrewrite 1024")
	}
	idle := s.idle
	if idle == 0 {
		idle = time.Hour
	}
	web, mode := time.Minute, "http"
	if s.hasty {
		web = time.Second
	}
	if s.tcp {
		web, mode = idle, "tcp"
	}
	add(&conf, "defaults")
	add(&conf, "mode %s", mode)
	add(&conf, "timeout connect 2s")
	add(&conf, "timeout client %dms", web.Milliseconds())
	add(&conf, "timeout server %dms", web.Milliseconds())
	if !s.tcp {
		add(&conf, "timeout http-request %dms", web.Milliseconds())
		add(&conf, "timeout http-keep-alive %dms", web.Milliseconds())
		add(&conf, "timeout tunnel %dms", idle.Milliseconds())
	}
	if s.certificate != "" {
		listen += " ssl crt " + s.certificate + " alpn h2,http/1.1"
		if s.clients != "" {
			listen += " verify required ca-file " + s.clients
		}
		if s.onlyTLS12 {
			listen += " ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2"
		}
	}
	if s.redirect != 0 {
		add(&frontend, "http-request redirect location %s code %d if { path /old }", s.location, s.redirect)
	}
	if s.answer != 0 {
		add(&frontend, "http-request return status %d", s.answer)
	}
	if s.noUpgrade {
		add(&frontend, "http-request del-header Upgrade")
		add(&frontend, "http-request del-header Connection")
	}
	if s.gzip {
		add(&backend, "compression algo gzip")
		add(&backend, "compression type text/plain")
	}
	return fmt.Sprintf("%sfrontend in\nbind %s\n%sdefault_backend out\nbackend out\n%sserver one %s\n",
		conf.String(), listen, frontend.String(), backend.String(), s.to)
}
