module github.com/webstomp/webstomp/examples/nhooyr

go 1.25.0

require (
	github.com/webstomp/webstomp v0.0.0
	nhooyr.io/websocket v1.8.17
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	golang.org/x/sync v0.22.0 // indirect
)

replace github.com/webstomp/webstomp => ../..
