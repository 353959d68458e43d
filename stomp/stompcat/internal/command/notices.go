package command

import (
	"context"
	"fmt"
	"sync"

	"github.com/webstomp/webstomp/stomp"
)

// attend tells on standard error when the connection is lost and when it is back, until end is called, which closes
// the Client. lossy says that messages may be missing then.
func (a *app) attend(client *stomp.Client, lossy bool) (end func()) {
	var watching sync.WaitGroup
	watching.Go(func() { // joined by end
		told := ""
		for s := range client.Watch(context.Background()) {
			switch {
			case s.State == stomp.StateReconnecting && s.Err != nil && s.Err.Error() != told:
				told = s.Err.Error()
				a.tell("%s; reconnecting", inFlags(told))
			case s.State == stomp.StateConnected && s.Epoch > 1:
				told = ""
				missing := ""
				if lossy {
					missing = ": messages may be missing"
				}
				a.tell("connected again to %s, session %d%s", s.Session.URL, s.Epoch, missing)
			}
		}
	})
	return func() {
		client.Close()
		watching.Wait()
	}
}

// tell writes a line to standard error. What a server has said in it does nothing to a terminal.
func (a *app) tell(format string, args ...any) {
	fmt.Fprintf(a.env.Stderr, "stompcat: %s\n", visible(fmt.Sprintf(format, args...)))
}
