package rig

import (
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// way returns the options that a Client needs to reach a broker: bare STOMP, since there is no WebSocket to a broker in
// the same program here.
func way(to *stomptest.Broker) []stomp.ConnectOption {
	return []stomp.ConnectOption{stomp.WithDialer(to.Dial)}
}
