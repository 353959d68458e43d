package ws

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// maskedFrame makes a masked frame, as only a client may send it.
func maskedFrame(first byte, payload string, key uint32) []byte {
	f := appendHead([]byte{}, Text, len(payload), key)
	f[0] = first
	start := len(f)
	f = append(f, payload...)
	mask(f[start:], []byte(payload), key)
	return f
}

// RFC 6455, section 5.1: a client fails a connection whose server masks a frame, wherever that stands and however it
// is cut; what came before is delivered, and nothing of the masked frame.
func TestRead_W10_refuses_masked_frames(t *testing.T) {
	whole := frame{true, opText, []byte("whole")}.bytes()
	half := frame{false, opText, []byte("half")}.bytes()
	for name, c := range map[string]struct {
		before, masked []byte
		want           string
	}{
		"the_first":            {nil, maskedFrame(0x81, "CONNECTED", 1), ""},
		"a_heart_beat":         {whole, maskedFrame(0x81, "\n", 0x01020304), "whole"},
		"a_key_of_zero":        {whole, maskedFrame(0x82, "message", 0), "whole"},
		"an_empty_message":     {whole, maskedFrame(0x81, "", 7), "whole"},
		"a_continuation":       {half, maskedFrame(0x80, "more", 7), "half"},
		"a_ping_in_a_message":  {half, maskedFrame(0x89, "ping", 7), "half"},
		"a_pong":               {whole, maskedFrame(0x8a, "", 7), "whole"},
		"a_close":              {whole, maskedFrame(0x88, closing(1000, "bye"), 7), "whole"},
		"a_large_message":      {whole, maskedFrame(0x82, strings.Repeat("x", 60_000), 7), "whole"},
		"behind_a_large_frame": {frame{true, opText, bytes.Repeat([]byte("x"), 200_000)}.bytes(), maskedFrame(0x81, "\n", 7), strings.Repeat("x", 200_000)},
	} {
		for _, piece := range []int{1, 2, 3, 1 << 20} {
			if piece < 1<<20 && len(c.before)+len(c.masked) > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("%s_by_%d", name, piece), func(t *testing.T) {
				client, server := net.Pipe()
				if piece == 1<<20 {
					client, server = tcpPair(t)
				}
				conn, _ := peered(t, client, server, DialOptions{})
				go func() { // ends with the connection
					for rest := append(bytes.Clone(c.before), c.masked...); len(rest) > 0; {
						n, err := server.Write(rest[:min(piece, len(rest))])
						if rest = rest[n:]; err != nil {
							return
						}
					}
				}()
				var got []byte
				for {
					p, _, err := conn.Read()
					got = append(got, p...)
					if err == nil {
						continue
					}
					if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "masked") {
						t.Errorf("the error is %v", err)
					}
					break
				}
				// What the library reads of a message that is not whole is lost with the error, as in any other breach.
				if string(got) != c.want && !(c.want == "half" && len(got) == 0) {
					t.Errorf("%.60q was delivered, want %.60q", got, c.want)
				}
			})
		}
	}
}
