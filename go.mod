module github.com/webstomp/webstomp

go 1.25.0

require (
	github.com/coder/websocket v1.8.15
	golang.org/x/sync v0.22.0
)
