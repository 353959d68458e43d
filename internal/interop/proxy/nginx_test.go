package proxy

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// nginx returns the configuration of an nginx that listens there.
func nginx(s setup, listen string) string {
	var conf, server, location strings.Builder
	add := func(b *strings.Builder, format string, args ...any) { fmt.Fprintf(b, format+";\n", args...) }
	if os.Getuid() == 0 {
		add(&conf, "user root") // the folder is root's alone
	}
	add(&conf, "worker_processes 1")
	add(&conf, "pid nginx.pid")
	add(&conf, "error_log stderr warn")
	add(&conf, "worker_shutdown_timeout 300ms") // of connections of before a reload
	fmt.Fprintln(&conf, "events { worker_connections 256; }")

	if s.certificate != "" {
		listen += " ssl http2"
		add(&server, "ssl_certificate %s", s.certificate)
		add(&server, "ssl_certificate_key %s", s.certificate)
		if s.onlyTLS12 {
			add(&server, "ssl_protocols TLSv1.2")
		} else {
			add(&server, "ssl_protocols TLSv1.2 TLSv1.3") // 1.22 leaves 1.3 out by default
		}
	}
	if s.clients != "" {
		add(&server, "ssl_client_certificate %s", s.clients)
		add(&server, "ssl_verify_client on")
	}
	if s.redirect != 0 {
		fmt.Fprintf(&server, "location = /old { return %d %s; }\n", s.redirect, s.location)
	}
	if s.answer != 0 {
		add(&location, "return %d", s.answer)
	}
	if s.gzip {
		add(&location, "gzip on")
		add(&location, "gzip_types *")
		add(&location, "gzip_min_length 1")
		add(&location, "gzip_proxied any")
	}
	if s.narrow {
		add(&location, "proxy_buffering on")
		add(&location, "proxy_buffer_size 1k")
		add(&location, "proxy_buffers 2 1k")
		add(&location, "proxy_busy_buffers_size 1k")
	}
	idle := s.idle
	if idle == 0 {
		idle = time.Hour
	}
	add(&location, "proxy_read_timeout %dms", idle.Milliseconds())
	if s.hasty {
		for _, name := range []string{"keepalive_timeout", "client_header_timeout", "client_body_timeout"} {
			add(&server, "%s 1s", name)
		}
		add(&server, "keepalive_requests 1")
	}
	if !s.noUpgrade || s.http11 {
		add(&location, "proxy_http_version 1.1") // 1.0 by default
	}
	if !s.noUpgrade {
		add(&location, "proxy_set_header Upgrade $http_upgrade")
		add(&location, "proxy_set_header Connection $upgraded")
		add(&location, "proxy_set_header Host $host")
	}
	return fmt.Sprintf(`%s
http {
access_log off;
client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
map $http_upgrade $upgraded { default upgrade; "" close; }
server {
listen %s;
%s
location / {
proxy_pass http://%s;
%s
}
}
}
`, conf.String(), listen, server.String(), s.to, location.String())
}
