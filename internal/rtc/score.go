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
	worstScore = 20.0 // lower ones would take long to recover from
	goodScore  = 80.0 // at most this is GOOD, above it EXCELLENT
	poorScore  = 40.0 // at most this is POOR

	// A score falls faster than it rises: these are the shares the newest look has in it.
	fallShare, riseShare = 0.7, 0.4
)

// lossWeight is how many points one percent of loss costs: sound with redundancy bears most, then Opus with its own error
// correction, then video, where one packet spoils a picture. These are the reference server's.
func lossWeight(mime string) float64 {
	switch {
	case strings.HasPrefix(mime, "video/"):
		return 10
	case mime == "audio/red":
		return 1.3
	}
	return 5.3
}

// counts are what a track counted since it began.
type counts struct{ expected, lost int64 }

// trackScore follows one track in one direction.
type trackScore struct {
	before  counts
	busiest int64   // most packets expected between two looks
	loss    float64 // between the last two, from 0 to 1
	score   float64 // 0 before the first look
}

// look takes what the track has counted now. excused is the share of it that was lost before this way began, roundTrip
// that of the way, 0 when not known. A track that is quiet most of the time, as with discontinuous transmission, loses
// little when it loses some of its few packets.
func (t *trackScore) look(now counts, weight, excused float64, roundTrip time.Duration) {
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
		t.score += (score - t.score) * fallShare
	default:
		t.score += (score - t.score) * riseShare
	}
}

// delayCost is what waiting costs, of half a round trip: little up to 160 ms, past which people begin to talk over each
// other, a point for each 10 ms then.
func delayCost(roundTrip time.Duration) float64 {
	ms := float64(roundTrip.Milliseconds()) / 2
	if ms > 160 {
		return (ms - 120) / 10
	}
	return ms / 40
}

// grade is a score in LiveKit's three steps.
func grade(score float64) livekit.ConnectionQuality {
	switch {
	case score > goodScore:
		return livekit.ConnectionQuality_EXCELLENT
	case score > poorScore:
		return livekit.ConnectionQuality_GOOD
	}
	return livekit.ConnectionQuality_POOR
}

// opinion is a score as people would mark it, from 1 to 4.5 (mean opinion score, ITU-T G.107, appendix B).
func opinion(score float64) float32 {
	switch {
	case score <= 0:
		return 1
	case score >= 100:
		return 4.5
	}
	return max(1, float32(1+0.035*score+7e-6*score*(score-60)*(100-score))) // the curve dips below its lowest mark
}
