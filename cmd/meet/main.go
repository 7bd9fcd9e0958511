package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// command defines the command line for kong. Serve runs when no command is named.
type command struct {
	Serve             serve             `cmd:"" default:"withargs" help:"Run the server. This is the default command."`
	GenerateKeys      generateKeys      `cmd:"" help:"Generate an API key and its secret."`
	CreateToken       createToken       `cmd:"" help:"Create an access token."`
	VerifyToken       verifyToken       `cmd:"" help:"Show the contents of an access token, and whether it is valid."`
	CreateRoom        createRoom        `cmd:"" help:"Create a room on a server."`
	ListRooms         listRooms         `cmd:"" help:"List the open rooms of a server."`
	DeleteRoom        deleteRoom        `cmd:"" help:"Delete a room and disconnect everybody in it."`
	ListParticipants  listParticipants  `cmd:"" help:"List the participants of a room."`
	RemoveParticipant removeParticipant `cmd:"" help:"Remove a participant from a room."`
	Mute              mute              `cmd:"" help:"Mute tracks of a participant."`
	Join              join              `cmd:"" help:"Join a room to publish files or record tracks."`
	BuildFrontend     buildFrontend     `cmd:"" help:"Build the front end for publishing."`
	UpdateTemplates   updateTemplates   `cmd:"" help:"Update the front end to the newest published build."`
	Config            configCommand     `cmd:"" help:"Print the effective settings as a settings file."`
	Doctor            doctorCommand     `cmd:"" help:"Check whether the server can run on this machine."`
	Backup            backupCommand     `cmd:"" help:"Write the server's data to one file."`
	Restore           restoreCommand    `cmd:"" help:"Restore the server's data from a backup."`
	LoadTest          loadTest          `cmd:"" help:"Measure a server under load."`
	Completion        completion        `cmd:"" help:"Print a shell completion script."`
	Version           version           `cmd:"" help:"Print the version."`
}

// environment holds the parts of the process that commands use. environ holds all environment variables, because
// commands warn about unknown ones that begin with MEET_.
type environment struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// usageError is a mistake in the command line or the settings; the program exits with status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// statusError makes the program exit with a status that has a meaning for the command. The command has already
// printed the explanation.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

func main() {
	os.Exit(run(context.Background(), os.Args[1:], environment{os.Environ(), os.Stdin, os.Stdout, os.Stderr}))
}

// run executes the command line args and returns the exit status.
func run(ctx context.Context, args []string, env environment) int {
	var c command
	helped := false
	parser, err := kong.New(&c,
		kong.Name("meet"),
		kong.Description("Meet is a video conferencing site in one program. Without a command, meet runs the server, by default on port 8080.\n\nExample:\n  meet --listen :9000"),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(int) { helped = true }), // kong calls it for --help only
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(env),
	)
	if err != nil {
		panic(err) // the tags of command are invalid
	}
	parsed, err := parser.Parse(args)
	if helped {
		return 0
	}
	if err != nil {
		err = parseError(err)
	} else {
		err = parsed.Run()
	}
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return int(status)
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(env.stderr, "meet: %s\n", strings.TrimSpace(line))
	}
	if _, usage := errors.AsType[usageError](err); usage {
		return 2
	}
	return 1
}

// parseError turns kong's error into a usageError. For a flag without a value, kong's error mentions a token of its
// scanner (<EOL>), so parseError rewords it.
func parseError(err error) error {
	if flag, rest, _ := strings.Cut(err.Error(), ": "); strings.HasSuffix(rest, "(<EOL>)") {
		err = fmt.Errorf("%s: got no value", flag)
	}
	return usageError{err}
}
