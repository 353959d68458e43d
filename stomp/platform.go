//go:build !js

package stomp

// checkPlatform rejects options that this system cannot honour: there is none.
func (c *connectConfig) checkPlatform() error { return nil }

// noUpgradeHeader says why no header of ours can be in the request for the upgrade; "": it can.
const noUpgradeHeader = ""

// checkText rejects a body that cannot be in a text message: what is not UTF-8 is for the server to refuse.
func checkText([]byte) error { return nil }
