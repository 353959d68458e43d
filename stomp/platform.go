//go:build !js

package stomp

// checkPlatform rejects options that this system cannot honour: there is none.
func (c *connectConfig) checkPlatform() error { return nil }

// noUpgradeHeader says why no header of ours can be in the request for the upgrade; "": it can.
const noUpgradeHeader = ""

// longFragments says whether long messages may go out in WebSocket frames above 64 KiB.
const longFragments = false

// checkText rejects a body that cannot be in a text message: what is not UTF-8 is for the server to refuse.
func checkText([]byte) error { return nil }
