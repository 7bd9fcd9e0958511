package rtc

import (
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file scores one track in one direction, from 0 to 100 like the R factor of ITU-T G.107, and a connection by its
// worst track (docs/protocol.md, 5.4).

const (
	bestScore  = 100.0
	worstScore = 20.0 // lower bound; from a lower score a track would take long to recover
	goodScore  = 80.0 // scores up to this one are GOOD, higher ones EXCELLENT
	poorScore  = 40.0 // scores up to this one are POOR

	// fallWeight is the weight of a measurement that is lower than the score. riseWeight is the weight of any other
	// measurement. A score therefore falls faster than it rises.
	fallWeight, riseWeight = 0.7, 0.4
)

// lossWeight returns the points that 1 % of packet loss costs. Audio with redundancy tolerates loss best, Opus with its
// own error correction less. Video tolerates it least, because one lost packet damages a frame. The numbers are those
// of the reference server.
func lossWeight(mime string) float64 {
	switch {
	case strings.HasPrefix(mime, "video/"):
		return 10
	case mime == "audio/red":
		return 1.3
	}
	return 5.3
}

// counts holds the numbers of expected and lost packets of a track since its start.
type counts struct{ expected, lost int64 }

// trackScore computes the score of one track in one direction.
type trackScore struct {
	before  counts  // at the last update
	busiest int64   // largest number of packets expected between two updates
	loss    float64 // fraction lost between the last two updates, 0 to 1
	score   float64 // 0 before the first update
}

// update updates the score. now holds the packet counts since the track's start. weight is the number of points that
// each percent of loss costs (see lossWeight). excused is the fraction of packets that were lost on the way to the
// sender. That loss does not lower the score. For a subscriber, it is the loss between the publisher and the server.
// roundTrip is the round-trip time, 0 if unknown. Loss counts less while the track sends few packets, as with
// discontinuous transmission (DTX).
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

// delayCost returns the points that the delay costs. The one-way delay is taken as half the round-trip time. Each 40 ms
// cost one point. Above 160 ms, people begin to talk over each other, and each further 10 ms cost one point.
func delayCost(roundTrip time.Duration) float64 {
	ms := float64(roundTrip.Milliseconds()) / 2
	if ms > 160 {
		return (ms - 120) / 10
	}
	return ms / 40
}

// grade converts a score to one of LiveKit's three steps.
func grade(score float64) livekit.ConnectionQuality {
	switch {
	case score > goodScore:
		return livekit.ConnectionQuality_EXCELLENT
	case score > poorScore:
		return livekit.ConnectionQuality_GOOD
	}
	return livekit.ConnectionQuality_POOR
}

// meanOpinionScore converts a score to a mean opinion score, from 1 to 4.5 (ITU-T G.107, appendix B).
func meanOpinionScore(score float64) float32 {
	switch {
	case score <= 0:
		return 1
	case score >= 100:
		return 4.5
	}
	return max(1, float32(1+0.035*score+7e-6*score*(score-60)*(100-score))) // the formula falls below 1 for small scores
}
