package rtc

import (
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
)

const (
	poor      = livekit.ConnectionQuality_POOR
	good      = livekit.ConnectionQuality_GOOD
	excellent = livekit.ConnectionQuality_EXCELLENT
)

func TestTrackQualityScoreFallsWithPacketLossAndDelay(t *testing.T) {
	for name, tt := range map[string]struct {
		mime      string
		lost      int64 // of each 1,000 packets
		excused   float64
		roundTrip time.Duration
		want      livekit.ConnectionQuality // after 20 updates
	}{
		"nothing lost":                     {"video/vp8", 0, 0, 0, excellent},
		"video, one percent":               {"video/vp8", 10, 0, 0, excellent},
		"video, three percent":             {"video/vp8", 30, 0, 0, good},
		"video, seven percent":             {"video/vp8", 70, 0, 0, poor},
		"Opus, three percent":              {"audio/opus", 30, 0, 0, excellent},
		"Opus, seven percent":              {"audio/opus", 70, 0, 0, good},
		"Opus, twelve percent":             {"audio/opus", 120, 0, 0, poor},
		"RED, ten percent":                 {"audio/red", 100, 0, 0, excellent},
		"lost before the server":           {"video/vp8", 70, 0.07, 0, excellent},
		"lost before and after the server": {"video/vp8", 100, 0.07, 0, good},
		"late packets":                     {"video/vp8", -5, 0, 0, excellent},
		"long delay":                       {"video/vp8", 0, 0, 300 * time.Millisecond, excellent},
		"very long delay":                  {"video/vp8", 0, 0, 2600 * time.Millisecond, poor},
	} {
		t.Run(name, func(t *testing.T) {
			var s trackScore
			for i := range int64(20) {
				s.update(counts{(i + 1) * 1000, (i + 1) * tt.lost}, lossWeight(tt.mime), tt.excused, tt.roundTrip)
			}
			if got := grade(s.score); got != tt.want {
				t.Errorf("%v at a score of %.1f, want %v", got, s.score, tt.want)
			}
		})
	}
}

// While a track sends few packets, loss lowers its score only a little. A track that stops sending keeps its score.
func TestTrackQualityScoreFallsFasterThanItRises(t *testing.T) {
	var s trackScore
	total, lost := int64(0), int64(0)
	update := func(n, of int64) livekit.ConnectionQuality {
		total, lost = total+of, lost+n
		s.update(counts{total, lost}, lossWeight("audio/opus"), 0, 0)
		return grade(s.score)
	}
	for i, step := range []struct {
		lost, of int64
		want     livekit.ConnectionQuality
	}{
		{0, 250, excellent},
		{100, 250, good}, // the loss may already have ended
		{100, 250, poor},
		{0, 250, good},
		{0, 250, good},
		{0, 250, excellent},
		{6, 12, excellent},      // little traffic
		{0, 0, excellent},       // stopped
		{-300, -500, excellent}, // the counters restart with another codec
	} {
		if got := update(step.lost, step.of); got != step.want {
			t.Errorf("step %d: %v at a score of %.1f, want %v", i, got, s.score, step.want)
		}
	}
}

func TestMeanOpinionScoreRisesWithTheConnectionScore(t *testing.T) {
	last := float32(0)
	for score := -10.0; score <= 110; score += 5 {
		got := meanOpinionScore(score)
		if got < 1 || got > 4.5 || (score >= 10 && got < last) {
			t.Errorf("a score of %v is marked %v after %v", score, got, last)
		}
		last = got
	}
	if meanOpinionScore(0) != 1 || meanOpinionScore(100) != 4.5 {
		t.Errorf("the ends are %v and %v", meanOpinionScore(0), meanOpinionScore(100))
	}
}
