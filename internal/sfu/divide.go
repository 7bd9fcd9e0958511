package sfu

import "meet/internal/sfu/forward"

// This file is the arithmetic of the Allocator: plain functions of rates and wishes.

const (
	// riseMargin is how much more than a level costs must be free for it to be taken up, and resumeMargin the same for
	// a picture that was paused: an estimate moves by a tenth without reason, a layer's rate too. A larger picture begins
	// with a key frame, which on a path that is known to be full needs spatialMargin, or it would end what it begins.
	upgradeMargin, resumeMargin, spatialMargin = 0.10, 0.20, 0.35
	// clearly is how many times what a level costs must be free for it to be taken up at once after a fall.
	holdoffOverride = 1.5
	// pauseMargin is how much less than the lowest level costs may be free before it is taken away: after congestion the
	// estimate lies below what the path carries.
	pauseMargin = 0.20
)

// level is one way to forward a track, its layers up to target. It is kept for cost bits/s and taken up for peak. They
// are the lesser and the greater of what it sent in the last second and in the last four: a key frame is no reason to
// give up the level that just began with it, and a quiet second none to take up one that does not fit for long.
type layerOption struct {
	forward.Target
	cost, peak int
}

// levelsOf lists the ways to forward a track, each dearer and better than the one before: what the rates say is sent, up
// to what is wanted. There is none when nothing has been measured.
func layerOptions(brief, lasting *Bitrates, wanted forward.Target, levels []layerOption) []layerOption {
	levels = levels[:0]
	rates := minRates(brief, lasting)
	for s := range MaxLayers {
		if s > wanted.Spatial && len(levels) > 0 {
			break // nothing sends up to what is wanted: the least above that
		}
		for t := 0; t < MaxTemporals && t <= max(0, wanted.Temporal); t++ {
			cost := int(rates[s][t])
			switch n := len(levels); {
			case cost == 0:
				continue
			case n > 0 && levels[n-1].Spatial == s && levels[n-1].cost == cost:
				levels[n-1].Temporal = t // nothing is sent in between
				continue
			case t == 0 && n > 0 && rates[s][1] > rates[s][0] && rates[s][2] > rates[s][1]:
				continue // a quarter of the pictures of a better layer is worse than all of a lesser one
			}
			for len(levels) > 0 && levels[len(levels)-1].cost >= cost {
				levels = levels[:len(levels)-1] // this one is better and costs no more
			}
			levels = append(levels, layerOption{forward.Target{Spatial: s, Temporal: t}, cost, int(max(brief[s][t], lasting[s][t]))})
		}
	}
	return levels
}

// lesser takes the lesser of two rates of each layer.
func minRates(a, b *Bitrates) (all Bitrates) {
	for s := range all {
		for t := range all[s] {
			all[s][t] = min(a[s][t], b[s][t])
		}
	}
	return all
}

// Indexes of levels that are none.
const (
	currentPaused  = -1 // nothing is forwarded
	currentUnknown = -2 // the track is new
)

// claim is the request of one track in the division.
type request struct {
	options    []layerOption
	priority   int  // the highest gets first
	current    int  // index of the level it has
	mayPause   bool // it may be paused
	heldOff    bool // it fell just now, and should not rise again at the next best moment
	atCapacity bool // the path has shown that it carries no more
}

// divide gives each claim, the highest priority first, the index of a level, or heldPaused: first everybody the lowest,
// then by priority more, among equals in turn, but for what is reserved. It returns what is left of the budget, below
// zero when even the lowest levels are more than it.
func divide(budget, reserved int, claims []request, out []int) ([]int, int) {
	out = out[:0]
	for i := range claims {
		c := &claims[i]
		lowest := c.options[0].cost
		need := float64(lowest)
		if c.current == currentPaused {
			need *= 1 + resumeMargin
		} else {
			need *= 1 - pauseMargin
		}
		if c.mayPause && need > float64(budget) {
			out = append(out, currentPaused)
			continue
		}
		budget -= lowest
		out = append(out, 0)
	}
	budget -= reserved
	for from := 0; from < len(claims); {
		to := from + 1
		for to < len(claims) && claims[to].priority == claims[from].priority {
			to++
		}
		for risen := true; risen; {
			risen = false
			for i := from; i < to; i++ {
				if step, ok := claims[i].upgradeCost(out[i], budget); ok {
					out[i]++
					budget -= step
					risen = true
				}
			}
		}
		from = to
	}
	return out, budget + reserved
}

// falls reports whether any claim gets less than it has.
func anyDowngrade(claims []request, indexes []int) bool {
	for i := range claims {
		if indexes[i] < claims[i].current {
			return true
		}
	}
	return false
}

// rise returns what the level after at costs more, and whether that is within the budget.
func (c *request) upgradeCost(at, budget int) (step int, ok bool) {
	if at == currentPaused || at+1 >= len(c.options) {
		return 0, false
	}
	cost := c.options[at+1].cost
	step = cost - c.options[at].cost
	need := float64(step)
	if c.current != currentUnknown && at+1 > c.current {
		peak, margin := c.options[at+1].peak, upgradeMargin
		if c.atCapacity && c.options[at+1].Spatial > c.options[at].Spatial {
			margin = spatialMargin
		}
		need += float64(peak-cost) + margin*float64(peak)
		if c.heldOff && float64(budget+c.options[at].cost) < holdoffOverride*float64(peak) {
			return 0, false
		}
	}
	return step, need <= float64(budget)
}
