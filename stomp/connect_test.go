package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestConnect_C1_the_bytes_of_CONNECT(t *testing.T) {
	const rest = "accept-version:1.0,1.1,1.2\nhost:/\nheart-beat:0,10000\n"
	for name, c := range map[string]struct {
		opts []stomp.ConnectOption
		want string
	}{
		"defaults":                       {nil, rest},
		"WithLogin":                      {[]stomp.ConnectOption{stomp.WithLogin("guest", "pass:word")}, rest + "login:guest\npasscode:pass:word\n"},
		"WithLogin_empty":                {[]stomp.ConnectOption{stomp.WithLogin("", "")}, rest + "login:\npasscode:\n"},
		"WithHost":                       {[]stomp.ConnectOption{stomp.WithHost("prod")}, strings.Replace(rest, "host:/", "host:prod", 1)},
		"WithVersions_ascending":         {[]stomp.ConnectOption{stomp.WithVersions(stomp.V12, stomp.V11)}, strings.Replace(rest, "1.0,1.1,1.2", "1.1,1.2", 1)},
		"WithVersions_one":               {[]stomp.ConnectOption{stomp.WithVersions(stomp.V12)}, strings.Replace(rest, "1.0,1.1,1.2", "1.2", 1)},
		"WithHeartBeat":                  {[]stomp.ConnectOption{stomp.WithHeartBeat(1500*time.Millisecond, 0)}, strings.Replace(rest, "0,10000", "1500,0", 1)},
		"WithHeartBeat_rounds_up":        {[]stomp.ConnectOption{stomp.WithHeartBeat(time.Microsecond, 1001*time.Microsecond)}, strings.Replace(rest, "0,10000", "1,2", 1)},
		"WithHeader_adds_up_in_order":    {[]stomp.ConnectOption{stomp.WithHeader("b", "1"), stomp.WithHeader("a", ""), stomp.WithHeader("b", "2")}, rest + "b:1\na:\nb:2\n"},
		"F7_not_escaped":                 {[]stomp.ConnectOption{stomp.WithLogin(`a\b`, `c:\d`), stomp.WithHeader("x", `\n`)}, rest + "login:a\\b\npasscode:c:\\d\nx:\\n\n"},
		"WithEscapedConnect":             {[]stomp.ConnectOption{stomp.WithEscapedConnect(), stomp.WithLogin("a\r\n", `c:\d`)}, rest + "login:a\\r\\n\npasscode:c\\c\\\\d\n"},
		"the_last_of_several_calls":      {[]stomp.ConnectOption{stomp.WithHost("a"), stomp.WithLogin("x", "y"), stomp.WithHost("b"), stomp.WithLogin("l", "p")}, strings.Replace(rest, "host:/", "host:b", 1) + "login:l\npasscode:p\n"},
		"WithCredentials_instead_of_one": {[]stomp.ConnectOption{stomp.WithCredentials(func(context.Context) (string, string, error) { return "l", "p", nil })}, rest + "login:l\npasscode:p\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p, connect := rig.NewServer(t).Start(c.opts...)
			if got, want := p.Raw(), "CONNECT\n"+c.want+"\n"; got != want {
				t.Errorf("CONNECT is\n%q, want\n%q", got, want)
			}
			p.SendRaw(rig.Connected12)
			connect.Client()
		})
	}
}

func TestConnect_C2_the_version_chosen(t *testing.T) {
	for name, c := range map[string]struct {
		offer     []stomp.Version
		connected string
		want      stomp.Version // "": refused
	}{
		"1.2":                        {nil, "version:1.2\n", stomp.V12},
		"1.1":                        {nil, "version:1.1\n", stomp.V11},
		"1.0":                        {nil, "version:1.0\n", stomp.V10},
		"absent_means_1.0":           {nil, "", stomp.V10},
		"first_counts":               {nil, "version:1.1\nversion:1.2\n", stomp.V11},
		"unknown":                    {nil, "version:2.0\n", ""},
		"empty":                      {nil, "version:\n", ""},
		"not_offered":                {[]stomp.Version{stomp.V11, stomp.V12}, "version:1.0\n", ""},
		"absent_and_1.0_not_offered": {[]stomp.Version{stomp.V12}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []stomp.ConnectOption
			if c.offer != nil {
				opts = append(opts, stomp.WithVersions(c.offer...))
			}
			p, connect := rig.NewServer(t).Start(opts...)
			p.Raw()
			p.SendRaw("CONNECTED\n" + c.connected + "\n\x00")
			if c.want != "" {
				if got := connect.Client().Status().Session.Version; got != c.want {
					t.Errorf("the session speaks %q, want %q", got, c.want)
				}
				return
			}
			err := connect.Err()
			var protocol *stomp.ProtocolError
			var failed *stomp.ConnectError
			if !errors.As(err, &protocol) || protocol.Clause != "C2" || !errors.As(err, &failed) || !failed.Permanent() {
				t.Errorf("the error is %v: want a permanent *ConnectError around a *ProtocolError of C2", err)
			}
			p.Gone()
		})
	}
}

func TestConnect_C3_ERROR_instead_of_CONNECTED(t *testing.T) {
	p, connect := rig.NewServer(t).Start(stomp.WithLogin("guest", "wrong"))
	p.Raw()
	p.SendRaw("ERROR\nmessage:Bad CONNECT\nversion:1.0\ncontent-length:31\n\nAccess refused for user 'guest'\x00")
	err := connect.Err()
	var refused *stomp.Error
	if !errors.As(err, &refused) || refused.Message != "Bad CONNECT" || refused.Frame.Command != "ERROR" ||
		string(refused.Frame.Body) != "Access refused for user 'guest'" || refused.Frame.Header.Get("version") != "1.0" {
		t.Errorf("the error is %#v: it has to hold the server's frame", err)
	}
	rig.ErrorText(t, err, `stomp: connect tcp://broker.test: broker says ERROR "Bad CONNECT": "Access refused for user 'guest'"`)
	p.Gone()
}

// Artemis escapes its ERROR before a version is agreed: what people read has no escape in it, the frame is as it
// came.
func TestConnect_ERROR_with_an_escape(t *testing.T) {
	p, c := rig.NewServer(t).Start()
	p.Raw()
	p.SendRaw("ERROR\nmessage:Security Error occurred\\c User name [guest] or password is invalid\n\n\x00")
	err := c.Err()
	refused := rig.ErrorAs[stomp.Error](t, err)
	if refused.Frame.Header.Get("message") != `Security Error occurred\c User name [guest] or password is invalid` {
		t.Errorf("the error is %v", err)
	}
	rig.ErrorText(t, err, `stomp: connect tcp://broker.test: broker says ERROR "Security Error occurred: User name [guest] or password is invalid"`)
}

func TestConnect_C4_another_command(t *testing.T) {
	p, connect := rig.NewServer(t).Start()
	p.Raw()
	p.SendRaw("RECEIPT\nreceipt-id:1\n\n\x00")
	rig.ErrorText(t, connect.Err(), "stomp: connect tcp://broker.test: protocol error: the server answered CONNECT with RECEIPT (C4)")
}

func TestConnect_C4_no_STOMP(t *testing.T) {
	p, connect := rig.NewServer(t).Start()
	p.Raw()
	p.SendRaw("220 mail.test ESMTP\r\n")
	err := connect.Err()
	rig.ErrorAs[stomp.ProtocolError](t, err)
	rig.ErrorSays(t, err, "does a STOMP server listen there?")
}

func TestConnect_C4_EOF(t *testing.T) {
	p, connect := rig.NewServer(t).Start()
	p.Raw()
	p.Close()
	err := connect.Err()
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "waiting for CONNECTED") {
		t.Errorf("the error is %v, want one that says EOF and where", err)
	}
}

func TestConnect_C4_EOF_inside_CONNECTED(t *testing.T) {
	p, connect := rig.NewServer(t).Start()
	p.Raw()
	p.SendRaw("CONNECTED\nversion:1.2\n")
	p.Close()
	rig.ErrorIs(t, connect.Err(), io.EOF)
}

func TestConnect_C4_EOLs_are_no_answer_and_no_fault(t *testing.T) {
	p, connect := rig.NewServer(t).Start()
	p.Raw()
	p.SendRaw("\n\n")
	p.SendRaw("\n" + rig.Connected12)
	connect.Client()
}

func TestConnect_C4_silence_until_ctx_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		rig.On(b, "CONNECT", "", rig.Always(stomptest.Drop()))
		rig.Takes(t, 7*time.Second, func() {
			err := rig.ConnectError(t, rig.Within(t, 7*time.Second), b)
			rig.ErrorIs(t, err, context.DeadlineExceeded)
			rig.ErrorText(t, err, "stomp: connect ws://pipe.test/ws: waiting for CONNECTED: context deadline exceeded")
		})
		synctest.Wait()
		if n := b.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

func TestConnect_C5_facts_of_the_session(t *testing.T) {
	_, client := rig.NewServer(t).Session("version:1.1\nserver:Broker/1\nsession:a:b\nheart-beat:20000,5000\nnote:\\c\nserver:old", stomp.WithHeartBeat(10*time.Second, 10*time.Second))
	st := client.Status()
	want := stomp.Session{URL: "tcp://broker.test", Server: "Broker/1", ID: "a:b", Version: stomp.V11,
		HeartBeatSend: 10 * time.Second, HeartBeatReceive: 20 * time.Second}
	got := st.Session
	header := got.Header
	got.Header = nil
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("the session is %+v, want %+v", got, want)
	}
	if want := (stomp.Header{{"version", "1.1"}, {"server", "Broker/1"}, {"session", "a:b"}, {"heart-beat", "20000,5000"}, {"note", `\c`}, {"server", "old"}}); !slices.Equal(header, want) {
		t.Errorf("the header is %v, want %v (F7: not unescaped)", header, want)
	}
	if st.State != stomp.StateConnected || st.Epoch != 1 || st.Err != nil {
		t.Errorf("the status is %+v", st)
	}
}

func TestConnect_C6_heart_beats_agreed(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		send, receive time.Duration
		connected     string
		wantSend      time.Duration
		wantReceive   time.Duration
		malformed     bool
	}{
		"both_the_same":       {10 * s, 10 * s, "heart-beat:10000,10000\n", 10 * s, 10 * s, false},
		"the_slower_counts":   {10 * s, 20 * s, "heart-beat:30000,5000\n", 10 * s, 30 * s, false},
		"ours_is_slower":      {10 * s, 20 * s, "heart-beat:5000,15000\n", 15 * s, 20 * s, false},
		"server_offers_0_0":   {10 * s, 10 * s, "heart-beat:0,0\n", 0, 0, false},
		"header_missing":      {10 * s, 10 * s, "", 0, 0, false},
		"server_only_listens": {10 * s, 10 * s, "heart-beat:0,4000\n", 10 * s, 0, false},
		"server_only_sends":   {10 * s, 10 * s, "heart-beat:4000,0\n", 0, 10 * s, false},
		"we_send_none":        {0, 10 * s, "heart-beat:4000,4000\n", 0, 10 * s, false},
		"we_want_none":        {10 * s, 0, "heart-beat:4000,4000\n", 10 * s, 0, false},
		"fractions_round_up":  {1500 * time.Microsecond, s, "heart-beat:0,1\n", 2 * time.Millisecond, 0, false},
		"empty":               {s, s, "heart-beat:\n", 0, 0, true},
		"one_number":          {s, s, "heart-beat:1000\n", 0, 0, true},
		"three_numbers":       {s, s, "heart-beat:1,2,3\n", 0, 0, true},
		"negative":            {s, s, "heart-beat:-1,0\n", 0, 0, true},
		"no_numbers":          {s, s, "heart-beat:a,b\n", 0, 0, true},
		"beyond_32_bits":      {s, s, "heart-beat:99999999999999999999,0\n", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, connect := rig.NewServer(t).Start(stomp.WithHeartBeat(c.send, c.receive))
			p.Raw()
			p.SendRaw("CONNECTED\nversion:1.2\n" + c.connected + "\n\x00")
			if c.malformed {
				err := connect.Err()
				rig.ErrorClause(t, err, "C6")
				return
			}
			got := connect.Client().Status().Session
			if got.HeartBeatSend != c.wantSend || got.HeartBeatReceive != c.wantReceive {
				t.Errorf("agreed are %v and %v, want %v and %v", got.HeartBeatSend, got.HeartBeatReceive, c.wantSend, c.wantReceive)
			}
		})
	}
}

// C7: what CONNECTED agreed on counts from the next byte on, in the same chunk too.
func TestConnect_C7_the_codec_speaks_the_agreed_version(t *testing.T) {
	for name, c := range map[string]struct{ version, message, want string }{
		"1.0_has_no_escapes_and_trims": {"1.0", "MESSAGE\ndestination:/a\nmessage-id:1\nnote: a\\nb \n\nx\x00", `a\nb`},
		"1.1_unescapes_LF":             {"1.1", "MESSAGE\ndestination:/a\nmessage-id:1\nnote:a\\nb\\c \n\nx\x00", "a\nb: "},
		"1.2_unescapes_CR_too":         {"1.2", "MESSAGE\r\ndestination:/a\r\nmessage-id:1\r\nnote:a\\rb\\n\r\n\r\nx\x00", "a\rb\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p, connect := rig.NewServer(t).Start()
			p.Raw()
			p.SendRaw("CONNECTED\nversion:" + c.version + "\n\n\x00" + c.message[:20])
			unmatched := connect.Client().Unmatched(t.Context())
			p.SendRaw(c.message[20:])
			if f := <-unmatched; f.Header.Get("note") != c.want {
				t.Errorf("the header is %q, want %q", f.Header.Get("note"), c.want)
			}
		})
	}
}
