//go:build js

package main

import (
	"fmt"
	"syscall/js"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// page is what the user sees. Its methods may be called from any goroutine.
type page struct {
	document js.Value
	said     chan string // what was typed
	cut      chan struct{}
	count    int
}

func newPage() *page {
	p := &page{document: js.Global().Get("document"), said: make(chan string, 16), cut: make(chan struct{}, 1)}
	p.on("say", "submit", func() {
		text := p.element("text")
		if said := text.Get("value").String(); said != "" {
			select {
			case p.said <- said: // a function of an event must not wait
				text.Set("value", "")
				p.line("out", "you", said)
			default:
			}
		}
	})
	p.on("cut", "click", func() {
		select {
		case p.cut <- struct{}{}:
		default: // it is being cut
		}
	})
	return p
}

func (p *page) element(id string) js.Value { return p.document.Call("getElementById", id) }

func (p *page) set(id, text string) { p.element(id).Set("textContent", text) }

func (p *page) on(id, event string, f func()) {
	p.element(id).Call("addEventListener", event, js.FuncOf(func(_ js.Value, args []js.Value) any { // for the life of the page
		args[0].Call("preventDefault")
		f()
		return nil
	}))
}

// target shows where the client connects.
func (p *page) target(url string, embedded bool) {
	p.set("url", url)
	p.element("cut").Set("hidden", !embedded)
}

// status shows a Status of the Client.
func (p *page) status(s stomp.Status) {
	p.document.Get("body").Get("dataset").Set("state", s.State.String())
	p.set("state", s.State.String())
	p.set("epoch", fmt.Sprint(s.Epoch))
	text := ""
	switch s.State {
	case stomp.StateConnected:
		text = fmt.Sprintf("%s, STOMP %s", s.Session.Server, s.Session.Version)
		p.note(fmt.Sprintf("session %d stands", s.Epoch))
	case stomp.StateReconnecting:
		text = fmt.Sprintf("attempt %d at %s", s.Attempt, s.RetryAt.Format(time.TimeOnly))
		p.note(fmt.Sprintf("attempt %d: %v", s.Attempt, s.Err))
	}
	p.set("detail", text)
	p.enable(s.State != stomp.StateClosed)
}

// enable lets the user say something, or not: where no program hears it, the browser would load the page anew.
func (p *page) enable(yes bool) { p.element("controls").Set("disabled", !yes) }

// received shows a message, with the session that it came in.
func (p *page) received(m stomp.Frame) {
	p.count++
	p.set("count", fmt.Sprint(p.count))
	p.line("in", fmt.Sprintf("session %d", m.Epoch), string(m.Body))
}

// note shows what happened.
func (p *page) note(text string) { p.line("note", "", text) }

// failed shows why the client does not go on.
func (p *page) failed(err error) {
	p.document.Get("body").Get("dataset").Set("state", "failed")
	p.set("state", "failed")
	p.set("detail", "")
	p.enable(false)
	p.element("cut").Set("hidden", true)
	p.line("error", "", err.Error())
}

// line adds a line to the list, the newest first, and keeps 200.
func (p *page) line(class, who, text string) {
	item := p.document.Call("createElement", "li")
	item.Set("className", class)
	for _, part := range [][2]string{{"time", time.Now().Format(time.TimeOnly)}, {"b", who}, {"span", text}} {
		e := p.document.Call("createElement", part[0])
		e.Set("textContent", part[1])
		item.Call("append", e)
	}
	list := p.element("lines")
	list.Call("prepend", item)
	if last := list.Get("children").Get("length").Int(); last > 200 {
		list.Get("lastChild").Call("remove")
	}
}
