package loadtest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meet/internal/config"
	"meet/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPlan returns a small plan for a server that runs in this process until stop is called or the test ends.
func testPlan(t *testing.T) (p Plan, stop func()) {
	t.Helper()
	p = Plan{
		Key: "key", Secret: "a secret of more than thirty-two characters", Room: "load", Rooms: 1, VideoPublishers: 2, Subscribers: 2,
		FrameRate: 10, PacketsPerFrame: 3, PacketSize: 500, Settle: 200 * time.Millisecond, Duration: time.Second, PID: os.Getpid(),
	}
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{{Name: p.Key, Secret: p.Secret}}
	s := harness.Start(t, cfg)
	stop = sync.OnceFunc(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	p.URL = s.SocketURL()
	return p, stop
}

// All packets arrive, every value is measured, and all participants leave.
func TestRunMeasuresEveryValueOfTheReport(t *testing.T) {
	p, _ := testPlan(t)
	for name, change := range map[string]func(*Plan){
		"all tracks to all subscribers": func(*Plan) {},
		"speaker layout in two rooms at a join rate": func(p *Plan) {
			p.Rooms, p.AudioPublishers, p.Simulcast, p.Layout, p.JoinRate = 2, 1, true, Layout{High: 1, Low: 5}, 50
		},
		"audio only": func(p *Plan) { p.VideoPublishers, p.AudioPublishers, p.SinglePC = 0, 2, true },
	} {
		t.Run(name, func(t *testing.T) {
			p := p
			p.Room += name
			change(&p)
			stages := map[string]int{}
			r, err := Run(t.Context(), p, func(p Progress) { stages[p.Stage]++ })
			if err != nil {
				t.Fatal(err)
			}
			if r.Publishers != p.Rooms*(p.VideoPublishers+p.AudioPublishers) || r.Subscribers != p.Rooms*p.Subscribers || r.VideoTracks != p.VideoPublishers || r.Disconnected != 0 {
				t.Errorf("wrong numbers of participants or tracks: %+v", r)
			}
			// A busy machine sends and receives late.
			if r.Expected != p.expectedRate() || r.Rate < r.Expected/2 || r.Rate > r.Expected*1.5 || r.LossRatio > 0.05 {
				t.Errorf("%.0f packets a second, want about %.0f; %.3f lost", r.Rate, r.Expected, r.LossRatio)
			}
			if r.Join.P50 == 0 || r.FirstMedia.P99 < r.FirstMedia.P50 || r.FirstMedia.P50 == 0 || r.Delay.P50 == 0 || r.MbitsPerSubscriber.Worst == 0 || r.MbitsPerSubscriber.Worst > r.MbitsPerSubscriber.P50 || r.Memory == 0 || r.ServerCPU == 0 {
				t.Errorf("a value is not measured: %+v", r)
			}
			if want := p.Rooms * (p.VideoPublishers + p.AudioPublishers + p.Subscribers); stages["joining"] != want || stages["settling"] != 1 || stages["measuring"] == 0 {
				t.Errorf("progress was reported for %v, want %d joins", stages, want)
			}
		})
	}
}

func TestRunEndsWhenCancelledAtAnyStage(t *testing.T) {
	p, _ := testPlan(t)
	for _, at := range []string{"joining", "settling", "measuring"} {
		ctx, cancel := context.WithCancel(t.Context())
		p.Duration, p.JoinRate = time.Hour, 100
		_, err := Run(ctx, p, func(p Progress) {
			if p.Stage == at {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while %s: %v", at, err)
		}
		cancel()
	}
}

func TestRunCountsParticipantsDisconnectedWhenServerStops(t *testing.T) {
	p, stop := testPlan(t)
	p.Duration = 2 * time.Second
	r, err := Run(t.Context(), p, func(p Progress) {
		if p.Stage == "measuring" {
			stop()
		}
	})
	if err != nil || r.Disconnected != 4 {
		t.Errorf("%d of 4 participants are disconnected, %v", r.Disconnected, err)
	}
}

func TestMeasureJoinsReportsTimesOfConnectionFirstPacketAndKeyFrames(t *testing.T) {
	p, _ := testPlan(t)
	reports := 0
	report, err := p.measureJoins(t.Context(), []population{{name: "two", video: 1}, {name: "six", video: 2, audio: 2, listeners: 2}}, 2, func(string) { reports++ })
	if err != nil {
		t.Fatal(err)
	}
	if len(report) != 2 || reports != 4 {
		t.Fatalf("%d rooms, progress was reported %d times", len(report), reports)
	}
	for _, w := range report {
		if w.Joins != 2 || w.Connected.P50 == 0 || w.FirstPacket.P50 == 0 || w.FirstKeyFrame.P50 < w.FirstPacket.P50 || w.AllKeyFrames.P50 < w.FirstKeyFrame.P50 {
			t.Errorf("%+v", w)
		}
	}
}
