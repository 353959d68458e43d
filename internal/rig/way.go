//go:build !js

package rig

import (
	"strings"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// way returns the options that a Client needs to reach a broker.
func way(to *stomptest.Broker) []stomp.ConnectOption {
	if strings.HasPrefix(to.URL(), "ws://pipe.") {
		return []stomp.ConnectOption{stomp.WithHTTPClient(to.Client())}
	}
	return nil
}
