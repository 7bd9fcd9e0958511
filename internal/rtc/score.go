package rtc

import (
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file grades one track in one direction, from 0 to 100 like the R factor of ITU-T G.107, and a whole connection by
// its worst track (docs/protocol.md, 5.4).

const (
	bestScore  = 100.0
	worstScore = 20.0 // from a lower one a track would take long to recover
	goodScore  = 80.0 // at most this is GOOD, above it EXCELLENT
	poorScore  = 40.0 // at most this is POOR

	// The weight of the newest look in the score: a score falls faster than it rises.
	fallWeight, riseWeight = 0.7, 0.4
)

// lossWeight returns how many points one percent of loss costs: audio with redundancy tolerates most, then Opus with its
// own error correction, then video, where one packet damages a picture. The numbers are the reference server's.
func lossWeight(mime string) float64 {
	switch {
	case strings.HasPrefix(mime, "video/"):
		return 10
	case mime == "audio/red":
		return 1.3
	}
	return 5.3
}

// counts are the packets of a track since it began.
type counts struct{ expected, lost int64 }

// trackScore grades one track in one direction.
type trackScore struct {
	before  counts
	busiest int64   // most packets expected between two looks
	loss    float64 // between the last two, from 0 to 1
	score   float64 // 0 before the first look
}

// look grades the track by what has been counted until now. excused is the share that was lost before this direction
// began, roundTrip the round-trip time, 0 if unknown. A track that is quiet most of the time, as with discontinuous
// transmission, loses little when it loses some of its few packets.
func (t *trackScore) update(now counts, weight, excused float64, roundTrip time.Duration) {
	expected, lost := now.expected-t.before.expected, now.lost-t.before.lost
	t.before = now
	t.loss = 0
	score := bestScore - delayCost(roundTrip)
	if expected > 0 {
		t.busiest = max(t.busiest, expected)
		t.loss = max(0, float64(lost)/float64(expected))
		busy := float64(expected) / float64(t.busiest)
		score -= 100 * max(0, t.loss-excused) * weight * busy * busy
	}
	switch score = max(worstScore, score); {
	case t.score == 0:
		t.score = bestScore
		fallthrough
	case score < t.score:
		t.score += (score - t.score) * fallWeight
	default:
		t.score += (score - t.score) * riseWeight
	}
}

// delayCost returns the points that delay costs, which is half a round-trip time: few up to 160 ms, and beyond that,
// where people begin to talk over each other, a point for each 10 ms.
func delayCost(roundTrip time.Duration) float64 {
	ms := float64(roundTrip.Milliseconds()) / 2
	if ms > 160 {
		return (ms - 120) / 10
	}
	return ms / 40
}

// grade returns a score in LiveKit's three steps.
func grade(score float64) livekit.ConnectionQuality {
	switch {
	case score > goodScore:
		return livekit.ConnectionQuality_EXCELLENT
	case score > poorScore:
		return livekit.ConnectionQuality_GOOD
	}
	return livekit.ConnectionQuality_POOR
}

// opinion returns a score as a mean opinion score, from 1 to 4.5 (ITU-T G.107, appendix B).
func meanOpinionScore(score float64) float32 {
	switch {
	case score <= 0:
		return 1
	case score >= 100:
		return 4.5
	}
	return max(1, float32(1+0.035*score+7e-6*score*(score-60)*(100-score))) // the curve dips below its lowest mark
}
