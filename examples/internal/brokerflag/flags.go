// Package brokerflag has the flags that every example shares: which broker, and who to be there.
package brokerflag

import (
	"flag"

	"github.com/webstomp/webstomp/stomp"
)

// Broker is what the flags say. An example whose URL is "" starts an embedded broker.
type Broker struct {
	URL, Login, Passcode string
}

// Define defines -url, -login and -passcode. flag.Parse fills in what it returns.
func Define() *Broker {
	b := &Broker{}
	flag.StringVar(&b.URL, "url", "", "the broker; without one, an embedded broker is started")
	flag.StringVar(&b.Login, "login", "", "login, where the broker wants one")
	flag.StringVar(&b.Passcode, "passcode", "", "passcode, likewise")
	return b
}

// Options are those of stomp.Connect for the login, if there is one.
func (b *Broker) Options() []stomp.ConnectOption {
	if b.Login == "" {
		return nil
	}
	return []stomp.ConnectOption{stomp.WithLogin(b.Login, b.Passcode)}
}
