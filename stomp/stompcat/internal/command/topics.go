package command

import "github.com/spf13/cobra"

const environmentHelp = `Environment:
  STOMPCAT_URL             the URL, where the argument is left out. A password in
                           it (HTTP basic authentication) is allowed here alone:
                           every user of the machine can see the arguments in ps.
  STOMPCAT_LOGIN           the login, if there is no --login
  STOMPCAT_PASSCODE        the passcode, if there is no --passcode-file
  STOMPCAT_AUTHORIZATION   the header Authorization of the WebSocket's HTTP
                           request, as in "Bearer eyJhbGciOi…"
  STOMPCAT_COOKIE          its header Cookie
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                           the proxy for ws: and wss: URLs, with its user and
                           password in its URL. NO_PROXY has the hosts that are
                           dialled straight; localhost always is.
  NO_COLOR                 if it is not empty, no colour
`

// topics are pages of help that belong to no command.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-status", Short: "What the exit status of a command means", Long: statusHelp},
		{Use: "environment", Short: "The environment variables that count", Long: environmentHelp},
	}
}
