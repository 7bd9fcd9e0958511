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
	Room        string        `help:"Name of the room; with --rooms, the prefix of the rooms' names." placeholder:"NAME"`
	Rooms       int           `help:"Number of rooms." default:"1"`
	Publishers  int           `help:"Participants that publish video, in each room." default:"3"`
	Audio       int           `name:"audio-publishers" help:"Participants that publish audio, in each room."`
	Subscribers int           `name:"subscribers" help:"Participants that only subscribe, in each room." default:"40"`
	Tiles       int           `help:"Number of video tracks that each subscriber receives, in tiles of the same size; all tracks unless set." placeholder:"N"`
	Layout      string        `help:"Layout of each subscriber's screen: speaker (one large and five small tiles), 3x3 (medium tiles), 4x4 or 5x5 (small tiles)." placeholder:"LAYOUT"`
	Simulcast   bool          `help:"Publish video in three simulcast layers; a subscriber receives the layer that fits the tile."`
	Frames      int           `help:"Video frames per second." default:"30"`
	Packets     int           `help:"Packets per video frame, sent without pauses." default:"7"`
	Size        int           `help:"Size of a video packet in bytes." default:"1100"`
	Ramp        float64       `help:"Joins per second; unless set, each join starts when the previous one is complete." placeholder:"N"`
	Settle      time.Duration `help:"Time to wait before measuring." default:"3s"`
	Duration    time.Duration `help:"Duration of the measurement." default:"20s"`
	Single      bool          `name:"single-connection" help:"Use one peer connection per participant, as newer clients do."`
	Feedback    bool          `help:"Send RTCP reports, NACKs and transport feedback, as browsers do."`
	PID         int           `name:"pid" help:"Process ID of a server on this machine, to report its CPU time and memory." placeholder:"ID"`
	Joins       int           `name:"join-latency" help:"Instead of the load, measure how long participants wait for video when they join small and large rooms, with N joins of each room." placeholder:"N"`
	serverFlags
}

func (loadTest) Help() string {
	return `It works with any LiveKit-compatible server. By default, each of 3 publishers sends 210 packets per second, of
1,100 bytes each, and 40 subscribers receive all of them. The server then sends about 25,000 packets per second.

Example:
  meet load-test --publishers 10 --audio-publishers 10 --subscribers 100 --layout 3x3 --simulcast --ramp 20`
}

// Run executes the load test and prints the report.
func (l loadTest) Run(ctx context.Context, env environment) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C exits immediately
	plan, err := l.plan(env)
	if err != nil {
		return err
	}
	p := newLoadProgress(env)
	var report fmt.Stringer
	if l.Joins > 0 {
		report, err = loadtest.MeasureJoins(ctx, plan, l.Joins, p.line)
	} else {
		report, err = loadtest.Run(ctx, plan, p.show)
	}
	p.status.show("")
	if ctx.Err() != nil {
		return errors.New("the load test was interrupted; there is no report")
	}
	if err != nil {
		return err
	}
	if l.JSON {
		err = printJSON(env, report)
	} else {
		_, err = fmt.Fprint(env.stdout, report)
	}
	if r, ok := report.(loadtest.Report); ok && r.Disconnected > 0 && err == nil {
		err = fmt.Errorf("%d participants lost their connection during the test", r.Disconnected)
	}
	return err
}

// layout returns the subscriber's layout that --layout or --tiles describes.
func (l loadTest) layout() (loadtest.Layout, error) {
	switch {
	case l.Tiles != 0 && l.Layout != "":
		return loadtest.Layout{}, errors.New("--layout: got --tiles too, want one of them")
	case l.Tiles < 0 || l.Tiles > l.Publishers:
		return loadtest.Layout{}, fmt.Errorf("--tiles: got %d, want at most the number of --publishers, %d", l.Tiles, l.Publishers)
	case l.Layout == "":
		return loadtest.EqualTiles(l.Tiles), nil
	}
	layout, ok := loadtest.LayoutByName(l.Layout)
	if !ok {
		return layout, fmt.Errorf("--layout: got %q, want one of %s", l.Layout, loadtest.LayoutNames())
	}
	return layout, nil
}

// checkJoins returns an error if --join-latency was given together with a flag that has no effect on it. This
// measurement uses rooms of its own.
func (l loadTest) checkJoins() error {
	if l.Joins < 0 {
		return fmt.Errorf("--join-latency: got %d, want a number of joins", l.Joins)
	}
	for _, one := range []struct {
		flag  string
		given bool
	}{
		{"--rooms", l.Rooms != 1},
		{"--publishers", l.Publishers != 3},
		{"--audio-publishers", l.Audio != 0},
		{"--subscribers", l.Subscribers != 40},
		{"--tiles", l.Tiles != 0},
		{"--layout", l.Layout != ""},
		{"--simulcast", l.Simulcast},
		{"--ramp", l.Ramp != 0},
		{"--pid", l.PID != 0},
	} {
		if one.given && l.Joins > 0 {
			return fmt.Errorf("%s cannot be combined with --join-latency", one.flag)
		}
	}
	return nil
}

// plan returns the plan that the flags describe, with the server and the API key.
func (l loadTest) plan(env environment) (plan loadtest.Plan, err error) {
	layout, err := l.layout()
	if err == nil {
		err = l.checkJoins()
	}
	if err != nil {
		return plan, usageError{err}
	}
	if l.Room == "" {
		l.Room = unusedName("load-")
	}
	plan = loadtest.Plan{
		Room: l.Room, Rooms: l.Rooms, VideoPublishers: l.Publishers, AudioPublishers: l.Audio, Subscribers: l.Subscribers, Layout: layout, Simulcast: l.Simulcast,
		FrameRate: l.Frames, PacketsPerFrame: l.Packets, PacketSize: l.Size, JoinRate: l.Ramp, Settle: l.Settle, Duration: l.Duration,
		SinglePC: l.Single, Feedback: l.Feedback, PID: l.PID,
	}
	if err := plan.Validate(); err != nil {
		return plan, usageError{err}
	}
	cfg, key, err := l.signingKey(env)
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

// loadProgress prints the progress of a load test to standard error, so that standard output contains only the
// report.
type loadProgress struct {
	env      environment
	status   *statusLine
	stage    string
	lastLine time.Time
}

func newLoadProgress(env environment) *loadProgress {
	return &loadProgress{env: env, status: newStatusLine(env.stderr)}
}

// show updates the status line on a terminal. If the output is not a terminal, it prints a line at the start of each
// stage and then one every five seconds.
func (l *loadProgress) show(p loadtest.Progress) {
	text := fmt.Sprintf("%s: %d of %d", p.Stage, p.Done, p.Total)
	if p.Stage == "measuring" {
		text += fmt.Sprintf(" s, %d of %.0f packets/s", p.Packets, p.ExpectedRate)
	} else {
		text += " participants"
	}
	if l.status != nil {
		l.status.show(text + "; Ctrl-C stops")
		return
	}
	if p.Stage == l.stage && time.Since(l.lastLine) < 5*time.Second && p.Done < p.Total {
		return
	}
	l.stage, l.lastLine = p.Stage, time.Now()
	l.line(text)
}

// line prints a line above the status line.
func (l *loadProgress) line(text string) {
	l.status.above(func() { fmt.Fprintln(l.env.stderr, text) })
}
