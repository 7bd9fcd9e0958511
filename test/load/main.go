package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"meet/internal/client"
	"meet/internal/token"
)

// plan is what to do, from the command line.
type plan struct {
	url, key, secret, room  string
	pid                     int
	publishers, subscribers int
	frames, burst, size     int
	warm, measure           time.Duration
	single, feedback        bool
	joins                   int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var p plan
	var seconds int
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&p.url, "url", "ws://127.0.0.1:8080", "the server's `address`")
	flags.StringVar(&p.key, "api-key", "devkey", "API `key`")
	flags.StringVar(&p.secret, "api-secret", "secret", "API `secret`")
	flags.StringVar(&p.room, "room", "load-"+time.Now().Format("150405"), "`room` to fill")
	flags.IntVar(&p.pid, "pid", 0, "process `id` of the server, 0 to leave its cost out")
	flags.IntVar(&p.publishers, "publishers", 3, "`number` of publishers")
	flags.IntVar(&p.subscribers, "subscribers", 40, "`number` of subscribers")
	flags.IntVar(&p.frames, "frames", 30, "`frames` a second of each publisher")
	flags.IntVar(&p.burst, "burst", 7, "`packets` of a frame, sent at once")
	flags.IntVar(&p.size, "size", 1100, "`bytes` of a packet's payload")
	flags.IntVar(&seconds, "seconds", 20, "how many `seconds` to measure")
	flags.BoolVar(&p.single, "single", false, "one peer connection for each participant")
	flags.BoolVar(&p.feedback, "feedback", false, "send reports, NACKs and transport feedback as browsers do")
	flags.IntVar(&p.joins, "join-latency", 0, "measure instead how long `joins` take until there is a picture, in a small and in large rooms")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	p.warm, p.measure = 3*time.Second, time.Duration(seconds)*time.Second
	if p.joins > 0 {
		if err := p.measureJoins(ctx, stdout, stderr); err != nil {
			fmt.Fprintln(stderr, "load:", err)
			return 1
		}
		return 0
	}
	result, err := p.run(ctx, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 1
	}
	fmt.Fprint(stdout, result)
	return 0
}

func (p *plan) options() client.Options {
	return client.Options{SinglePC: p.single, Bare: !p.feedback, HostOnly: true, SettingEngine: lean}
}

func (p *plan) token(identity string, publish bool) (string, error) {
	grant := token.VideoGrant{RoomJoin: true, Room: p.room, CanPublish: &publish}
	return token.New(p.key, p.secret).SetIdentity(identity).SetVideoGrant(grant).ToJWT()
}
