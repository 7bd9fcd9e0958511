package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"meet/internal/admin"
	"meet/internal/loadtest"
)

type loadTest struct {
	Room       string        `help:"Room to fill, or with --rooms the beginning of their names." placeholder:"NAME"`
	Rooms      int           `help:"Rooms to fill side by side." default:"1"`
	Publishers int           `help:"Who publish a picture, in each room." default:"3"`
	Audio      int           `name:"audio-publishers" help:"Who publish sound, in each room."`
	Listeners  int           `name:"subscribers" help:"Who only receive, in each room." default:"40"`
	Tiles      int           `help:"Pictures that each subscriber receives; all unless set." placeholder:"N"`
	Layout     string        `help:"The same by name: speaker (1 tile), 3x3, 4x4 or 5x5." enum:",speaker,3x3,4x4,5x5" default:"" placeholder:"LAYOUT"`
	Simulcast  bool          `help:"Publish pictures in three layers; subscribers get the one that fits their tiles."`
	Frames     int           `help:"Pictures a second of each publisher." default:"30"`
	Packets    int           `help:"Packets of each picture, sent at once." default:"7"`
	Size       int           `help:"Bytes of each packet." default:"1100"`
	Ramp       float64       `help:"Joins a second; one after another unless set." placeholder:"N"`
	Settle     time.Duration `help:"How long to wait before measuring." default:"3s"`
	Duration   time.Duration `help:"How long to measure." default:"20s"`
	Single     bool          `name:"single-connection" help:"One peer connection for each participant, as newer clients have."`
	Feedback   bool          `help:"Send reports, NACKs and transport feedback, as browsers do."`
	PID        int           `name:"pid" help:"Process of a server on this machine, whose CPU time and memory are told." placeholder:"ID"`
	Joins      int           `name:"join-latency" help:"Measure instead how long so many joins wait for a picture, in small and large rooms." placeholder:"N"`
	serverFlags
}

func (loadTest) Help() string {
	return `It works against any LiveKit-compatible server. Without flags it is three publishers of 210 packets of 1,100 bytes a second
and forty subscribers of all of them: about 25,000 packets a second delivered.

Example:
  meet load-test --publishers 10 --audio-publishers 10 --subscribers 100 --layout 3x3 --simulcast --ramp 20`
}

var layoutTiles = map[string]int{"speaker": 1, "3x3": 9, "4x4": 16, "5x5": 25}

// Run puts the load on the server and prints the report.
func (l loadTest) Run(ctx context.Context, w world) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	plan, err := l.plan(w)
	if err != nil {
		return err
	}
	if l.Joins > 0 {
		return loadtest.Joins(ctx, plan, l.Joins, w.stdout, w.stderr)
	}
	report, err := loadtest.Run(ctx, plan, l.progress(w))
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; there is no report")
	}
	if err != nil {
		return err
	}
	if l.JSON {
		return printJSON(w, report)
	}
	_, err = fmt.Fprint(w.stdout, report)
	return err
}

func (l loadTest) plan(w world) (plan loadtest.Plan, err error) {
	if l.Tiles > 0 && l.Layout != "" {
		return plan, usageError{errors.New("--layout: got --tiles too, want one of them")}
	}
	if tiles := layoutTiles[l.Layout]; tiles > 0 {
		l.Tiles = min(tiles, l.Publishers) // a screen of nine tiles shows five people in five of them
	}
	if l.Room == "" {
		l.Room = "load-" + time.Now().Format("150405")
	}
	plan = loadtest.Plan{
		Room: l.Room, Rooms: l.Rooms, Video: l.Publishers, Audio: l.Audio, Subscribers: l.Listeners, Tiles: l.Tiles, Simulcast: l.Simulcast,
		Frames: l.Frames, Packets: l.Packets, Size: l.Size, Ramp: l.Ramp, Settle: l.Settle, Duration: l.Duration,
		SinglePC: l.Single, Feedback: l.Feedback, PID: l.PID,
	}
	if err := plan.Validate(); err != nil {
		return plan, usageError{err}
	}
	cfg, key, err := l.signing(w)
	if err != nil {
		return plan, err
	}
	address, err := serverAddress(l.URL, cfg)
	if err != nil {
		return plan, err
	}
	if plan.URL, err = admin.SocketAddress(address); err != nil {
		return plan, addressError(address)
	}
	plan.Key, plan.Secret = key.Name, key.Secret
	return plan, nil
}

// progress prints a line at each stage and each five seconds; on the error stream, so that a program can read the report.
func (l loadTest) progress(w world) func(loadtest.Progress) {
	stage, last := "", time.Time{}
	return func(p loadtest.Progress) {
		if p.What == stage && time.Since(last) < 5*time.Second && p.People < p.Planned || p.What == stage && p.What == "measuring" && time.Since(last) < 5*time.Second {
			return
		}
		stage, last = p.What, time.Now()
		fmt.Fprintf(w.stderr, "%s: %d of %d people, %d packets received\n", p.What, p.People, p.Planned, p.Packets)
	}
}
