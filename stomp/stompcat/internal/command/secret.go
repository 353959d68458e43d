package command

import (
	"cmp"
	"fmt"
	"strings"
)

// credentials returns login and passcode. No flag takes the passcode: arguments are seen by every user of the machine.
func (c *connection) credentials() (login, passcode string, err error) {
	login = cmp.Or(c.login, c.env.Getenv("STOMPCAT_LOGIN"))
	if c.passcodeFile == "" {
		return login, c.env.Getenv("STOMPCAT_PASSCODE"), nil
	}
	text, err := c.files.read(c.passcodeFile)
	if err != nil {
		return "", "", fmt.Errorf("--passcode-file: %w", err)
	}
	passcode, _, _ = strings.Cut(string(text), "\n")
	return login, strings.TrimSuffix(passcode, "\r"), nil
}
