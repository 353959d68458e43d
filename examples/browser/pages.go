package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"time"
)

//go:embed page/page.html
var html []byte

// pages serves the page, its program, and what the program asks for: the broker to connect to, and a cut.
func pages(p *program, to broker, cut http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	serve := func(pattern, name string, content []byte) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content)) // with the type that the name stands for
		})
	}
	serve("GET /{$}", "page.html", html)
	serve("GET /page.wasm", "page.wasm", p.wasm)
	serve("GET /wasm_exec.js", "wasm_exec.js", p.exec)
	mux.HandleFunc("GET /broker", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(to) // the page tells if it did not come
	})
	mux.HandleFunc("POST /cut", cut)
	return mux
}
