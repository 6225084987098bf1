// SPDX-License-Identifier: Apache-2.0

// Command sensor reports what the processes of a Linux host do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes. Users script them.
const (
	exitFault    = 1
	exitUsage    = 2 // command line or configuration
	exitUnserved = 3 // no source serves a required kind
	exitDisagree = 4 // two sources agree less than they have to
	exitPipe     = 141
)

// exitError carries the exit code of an error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exit(code int, err error) error { return &exitError{code, err} }

// streams are the program's outputs: events and answers on out, the log on log.
type streams struct{ out, log io.Writer }

type commands struct {
	Run     runCommand     `cmd:"" default:"withargs" help:"Report events until interrupted (the default command)."`
	Doctor  doctorCommand  `cmd:"" help:"Say what works on this host, what does not, and why."`
	Compare compareCommand `cmd:"" help:"Have eBPF and audit watch the same, and say in what they agree."`
	Parse   parseCommand   `cmd:"" help:"Turn logs of the audit daemon into events."`
	Setup   setupCommand   `cmd:"" help:"Install in Elasticsearch or OpenSearch what the events need there."`
	Config  configCommand  `cmd:"" help:"Check the configuration."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1) // cheaper, and a bound on what a flood takes from the host: docs/design.md
	}
	log.SetOutput(io.Discard)      // net/http tells it parts of answers, which may hold our credentials
	signal.Ignore(syscall.SIGPIPE) // whoever read the log may leave: the events and the accounts go on
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command line and gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cli commands
	code := -1
	parser, err := kong.New(&cli,
		kong.Name("sensor"),
		kong.Description("Reports what the processes of a Linux host do, as ECS events."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(c int) { code = c }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintf(stderr, "sensor: %v\n", err)
		return exitFault
	}
	command, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "sensor: %v (see sensor --help)\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		var coded *exitError
		if !errors.As(err, &coded) {
			coded = &exitError{exitFault, err}
		}
		if coded.code != exitPipe { // like any filter whose reader has left
			fmt.Fprintf(stderr, "sensor: %v\n", coded.err)
		}
		return coded.code
	}
	return 0
}
