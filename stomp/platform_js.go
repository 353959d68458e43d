package stomp

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// checkPlatform rejects options that a browser cannot honour.
func (c *connectConfig) checkPlatform() error {
	for _, option := range []struct {
		name string
		set  bool
		why  string
	}{
		{"WithHTTPClient", c.httpClient != nil, "a browser makes the connection itself, with its own proxy, certificates and cookies"},
		{"WithHTTPHeader", c.httpHeader != nil, noUpgradeHeader},
		{"WithHTTPHeaderFunc", c.httpHeaderFunc != nil, noUpgradeHeader},
		{"WithCompression", c.compression, "a browser decides by itself whether to compress"},
		{"WithPing", c.pingSet, "a browser sends no pings of ours: heart-beats (WithHeartBeat) notice a silent server as well"},
	} {
		if option.set {
			return fmt.Errorf("%s does not work under GOOS=js: %s", option.name, option.why)
		}
	}
	return nil
}

// noUpgradeHeader says why no header of ours can be in the request for the upgrade; "": it can.
const noUpgradeHeader = "a browser sends no header of ours with the upgrade: a token belongs into the login of STOMP, a header entry of CONNECT (WithHeader) or the query of the URL"

// longFragments says whether long messages may go out in WebSocket frames above 64 KiB: that is the browser's to decide,
// and Chromium was seen to send 131,000 bytes in one.
const longFragments = true

// checkText rejects a body that cannot be in a text message: JavaScript would put other bytes in the place of what is
// not UTF-8, and content-length would be wrong.
func checkText(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not UTF-8, and a browser sends only that as a text message: see WithMessageType")
	}
	return nil
}
