package command

import "strings"

// inFlags returns an error's text with the flags of this program in place of the library's options, which its errors
// name for who writes Go, and without the library's name in front.
func inFlags(text string) string { return flagNames.Replace(strings.TrimPrefix(text, "stomp: ")) }

// inConnectFlags is inFlags for errors of connecting, where WithHeader is another flag's than elsewhere.
func inConnectFlags(text string) string {
	return inFlags(strings.ReplaceAll(text, "WithHeader:", "--connect-header:"))
}

// connectOptionError says that the library does not take an option of Connect.
type connectOptionError struct{ cause error }

func (e *connectOptionError) Error() string { return inConnectFlags(e.cause.Error()) }
func (e *connectOptionError) Unwrap() error { return e.cause }

// flagNames replaces longer names first where one begins like another: a Replacer takes the first pair that fits.
var flagNames = strings.NewReplacer(
	"That belongs into RootCAs of the tls.Config", "Then name its file by --cacert",
	"or set ServerName in the tls.Config", "or set --server-name",
	"the one in Certificates", "the one of --cert",
	"set Certificates in the tls.Config", "set --cert and --key",
	"WithHeartBeat(0, …) promises none", "--heart-beat 0,10s sends none",
	"dial that address itself, or set CheckRedirect", "use that address instead",
	"WithLogin or WithCredentials", "--login",
	" (see WithLimits)", "",
	"WithHTTPHeader", "--http-header",
	"WithMessageSplit", "--message-split",
	"WithLogin", "--login",
	"WithHost", "--host",
	"WithEscapedConnect", "--escaped-connect",
	"WithContentType", "--content-type",
	"WithoutContentLength", "--no-content-length",
	"WithReplyTo", "--reply-to",
	"WithSelector", "--selector",
	"WithPersistent", "--persistent",
	"WithResubscribe", "--resubscribe",
	"WithVersions", "--protocol-version",
	"WithHeartBeat", "--heart-beat",
	"WithFailover", "--failover",
	"WithReceipt", "a receipt",
	"WithHeader:", "--header:",
	"WithBuffer:", "--buffer:",
	"WithRetry", "--retry",
	"WithAck", "--ack",
	"WithID", "--id",
)
