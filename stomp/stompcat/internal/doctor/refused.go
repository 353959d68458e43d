package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/webstomp/webstomp/stomp"
)

// refused finds out why a STOMP server does not let us in. Each try is a login with the same passcode: there are two at
// most, since some directories lock an account after five.
func (e *examination) refused(ctx context.Context, err error) {
	var version *stomp.ProtocolError
	var said *stomp.Error
	if errors.As(err, &version) || errors.As(err, &said) && strings.Contains(strings.ToLower(said.Message), "version") {
		e.failed("version", cause(err), e.aboutVersions(ctx))
		return
	}
	text := strings.ToLower(cause(err))
	aboutHost := strings.Contains(text, "virtual host") || strings.Contains(text, "vhost")
	escapes := strings.Contains(e.Passcode, `\`) && !aboutHost // one of the two is tried
	switch {
	case escapes && e.worksWith(ctx, stomp.WithEscapedConnect()):
		e.failed("login", cause(err), "this server unescapes the passcode, against the specification: --escaped-connect")
	case !escapes && e.Host != "/" && e.worksWith(ctx, stomp.WithHost("/")):
		e.failed("virtual host", cause(err), "with the virtual host / it works: leave --host out, or correct "+e.Host)
	case aboutHost:
		e.failed("virtual host", cause(err), "name one that the user may use with --host; RabbitMQ says the same at a limit of connections")
	case e.Login == "":
		e.failed("login", cause(err), "give a login: --login, and its passcode in STOMPCAT_PASSCODE or --passcode-file")
	case e.Passcode == "":
		e.failed("login", cause(err), "there is no passcode: set STOMPCAT_PASSCODE or --passcode-file")
	case e.Login == "guest":
		e.failed("login", cause(err), "correct the passcode; from another machine RabbitMQ does not let guest in at all")
	default:
		e.failed("login", cause(err), "correct --login or the passcode, or ask whether the user may use the virtual host "+e.Host)
	}
}

func (e *examination) aboutVersions(ctx context.Context) string {
	if len(e.Versions) > 0 && e.worksWith(ctx, stomp.WithVersions(stomp.V10, stomp.V11, stomp.V12)) {
		return "leave --protocol-version out: then the server chooses one that both know"
	}
	return "the server and this program have no version in common"
}

// worksWith reports whether a session comes about with one more option.
func (e *examination) worksWith(ctx context.Context, o stomp.ConnectOption) bool {
	return e.visit(ctx, e.URL, AllSecrets, o) == nil
}
