package stomp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// A session that ends without a word after a silence says for how long nothing had come, and asks for an idle timeout
// on the way. One that ends while the server talks does not, nor one that the server closes.
func TestSession_promise8_end_without_a_word_after_a_silence(t *testing.T) {
	const hint = " (nothing had come for 1s: if it is so each time, something on the way closes idle connections, as a proxy does; see WithHeartBeat)"
	for name, c := range map[string]struct {
		silence time.Duration
		want    string
	}{
		"a_second": {time.Second, "connection lost: ws: read: the peer ended the connection: EOF" + hint},
		"less":     {999 * time.Millisecond, "connection lost: ws: read: the peer ended the connection: EOF"},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, client := rig.Session(t)
			<-time.After(time.Minute)
			p.SendRaw("\n")
			synctest.Wait()
			<-time.After(c.silence)
			p.Close()
			<-client.Done()
			rig.ErrorText(t, client.Err(), c.want)
			rig.ErrorIs(t, client.Err(), stomp.ErrConnectionLost)
		})
	}
}
