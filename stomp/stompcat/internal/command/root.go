package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// app is one run of the program: its outside, and the flags that all commands share.
type app struct {
	env     *Env
	conn    connection
	colour  string
	running bool // the command line made sense to cobra, and a command has begun
}

// execute runs the command that env.Args name, until it is done or ctx ends.
func execute(ctx context.Context, env *Env) error {
	a := &app{env: env}
	a.conn.env, a.conn.files = env, make(files)
	root := a.root()
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil || a.running {
		return err
	}
	return &usageError{fmt.Errorf("%w\nRun '%s --help' for what there is", err, cmd.CommandPath())}
}

const rootLong = `Stompcat speaks STOMP over WebSocket: to RabbitMQ (Web STOMP), ActiveMQ Artemis,
ActiveMQ Classic, Spring and others. It also speaks STOMP over TCP and TLS.

  URL           ws://host:15674/ws (RabbitMQ), ws://host:61614 (Classic),
                ws://host:61613 (Artemis); with TLS wss://; without WebSocket
                tcp://host:61613 and tls://. An endpoint of SockJS needs
                /websocket appended. Where STOMPCAT_URL is set, the argument may
                be left out.
  DESTINATION   /queue/orders, /topic/prices…: the broker says what it takes.

Messages go to standard output, all else to standard error. Exit statuses and
environment variables are below.`

const rootExample = `  stompcat ping ws://localhost:15674/ws --login guest
  stompcat doctor ws://localhost:15674/stomp
  stompcat sub ws://localhost:15674/ws /topic/prices /topic/orders
  seq 1000000 | stompcat pub ws://localhost:15674/ws /queue/numbers`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "stompcat",
		Short:             "STOMP over WebSocket, from a terminal or a script",
		Long:              rootLong,
		Example:           rootExample,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.AddGroup(&cobra.Group{ID: "messages", Title: "Messages"}, &cobra.Group{ID: "server", Title: "About a server"})
	a.conn.addFlags(root.PersistentFlags())
	root.PersistentFlags().StringVar(&a.colour, "color", "auto", "`WHEN` to use colour: auto (on a terminal, unless NO_COLOR is set), always, never")
	offer(root, "color", "auto", "always", "never")
	root.AddCommand(a.subCommand(), a.pubCommand(), a.reqCommand(), a.pingCommand(), a.doctorCommand(), a.benchCommand())
	root.AddCommand(topics()...)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.writeHelp(cmd, a.env.Stdout) })
	return root
}

// run returns what cobra calls for a command: f, behind the checks that all commands share.
func (a *app) run(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.running = true
		switch a.colour {
		case "auto", "always", "never":
		default:
			return &usageError{fmt.Errorf("--color %s: it takes auto, always or never", a.colour)}
		}
		return f(cmd.Context(), args)
	}
}

// takeDestination returns URL and destination, the first of args, and the other arguments.
func (a *app) takeDestination(args []string) (url, destination string, rest []string, err error) {
	url, rest, err = a.conn.takeURL(args)
	switch {
	case err != nil:
		return "", "", nil, err
	case len(rest) == 0 || rest[0] == "":
		return "", "", nil, &usageError{errors.New("no destination: name one behind the URL, as in /queue/orders")}
	}
	return url, rest[0], rest[1:], nil
}

// offer has shells complete the values of a flag.
func offer(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}
