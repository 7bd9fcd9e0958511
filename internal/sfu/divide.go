package sfu

import "meet/internal/sfu/forward"

// This file holds the arithmetic of the Allocator: functions without state.

const (
	// A higher option is chosen only if its bitrate plus upgradeMargin is available. Paused video is resumed only with
	// resumeMargin. The margins exist because estimates and bitrates vary by about a tenth without a cause. A higher
	// spatial layer starts with a key frame. If the path is known to be at capacity, it needs spatialMargin, because
	// otherwise the key frame itself would cause congestion.
	upgradeMargin, resumeMargin, spatialMargin = 0.10, 0.20, 0.35
	// holdoffOverride is the multiple of an option's peak bitrate that must be available to raise a track during its
	// hold-off, which is the wait after it was lowered.
	holdoffOverride = 1.5
	// pauseMargin is the share by which the available bitrate may be below the cost of the lowest option before the
	// video is paused. After congestion the estimate is lower than the path's capacity.
	pauseMargin = 0.20
)

// layerOption is a choice of layers to forward: all layers up to Target. The option stays chosen while the bitrate cost
// is available, but is newly chosen only if the bitrate peak is available, both in bits/s. cost is the smaller, and
// peak the larger, of the bitrates measured over one second and over four seconds. So a single key frame does not end
// an option, and a quiet second does not start one that is too large.
type layerOption struct {
	forward.Target
	cost, peak int
}

// layerOptions returns the choices of layers to forward, up to wanted, in ascending order of bitrate. It omits a choice
// if another one is better and costs no more. brief contains the bitrates over one second, and lasting contains those
// over four seconds. Without a measured bitrate there are no choices. The result reuses the memory of options.
func layerOptions(brief, lasting *Bitrates, wanted forward.Target, options []layerOption) []layerOption {
	options = options[:0]
	rates := minRates(brief, lasting)
	for s := range MaxLayers {
		if s > wanted.Spatial && len(options) > 0 {
			break // no wanted layer is sent: use the lowest one above
		}
		for t := 0; t < MaxTemporals && t <= max(0, wanted.Temporal); t++ {
			cost := int(rates[s][t])
			switch n := len(options); {
			case cost == 0:
				continue
			case n > 0 && options[n-1].Spatial == s && options[n-1].cost == cost:
				options[n-1].Temporal = t // the temporal layer adds nothing
				continue
			case t == 0 && n > 0 && rates[s][1] > rates[s][0] && rates[s][2] > rates[s][1]:
				continue // a quarter of the frame rate in a higher layer looks worse than a lower layer in full
			}
			for len(options) > 0 && options[len(options)-1].cost >= cost {
				options = options[:len(options)-1] // the new option is better and costs no more
			}
			options = append(options, layerOption{forward.Target{Spatial: s, Temporal: t}, cost, int(max(brief[s][t], lasting[s][t]))})
		}
	}
	return options
}

// minRates returns the smaller of two bitrates for each layer.
func minRates(a, b *Bitrates) (all Bitrates) {
	for s := range all {
		for t := range all[s] {
			all[s][t] = min(a[s][t], b[s][t])
		}
	}
	return all
}

// currentPaused and currentUnknown are values of request.current that are not the index of an option.
const (
	currentPaused  = -1 // no layer is forwarded
	currentUnknown = -2 // no layer was allowed yet
)

// request describes a track that wants bandwidth: the choices of layers, and how its current choice may change.
type request struct {
	options    []layerOption
	priority   int  // tracks with a higher one get bandwidth first
	current    int  // index of the option allowed now, currentPaused or currentUnknown
	mayPause   bool // the video may be paused
	heldOff    bool // the track was lowered recently and should not be raised yet
	atCapacity bool // the path is known to carry no more than the estimate
}

// divide chooses an option, or currentPaused, for each request, and appends the indexes to out[:0]. The requests must
// be sorted by priority. First, each request gets its lowest option, or is paused if the budget is too low for it. Then
// the remaining budget, except for reserved, raises the requests one option at a time: those with the highest priority
// first, and those with equal priority in turn. divide also returns the unused budget in bits/s. It is negative if the
// lowest options exceed the budget.
func divide(budget, reserved int, requests []request, out []int) ([]int, int) {
	out = out[:0]
	for i := range requests {
		c := &requests[i]
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
	for from := 0; from < len(requests); {
		to := from + 1
		for to < len(requests) && requests[to].priority == requests[from].priority {
			to++
		}
		for risen := true; risen; {
			risen = false
			for i := from; i < to; i++ {
				if step, ok := requests[i].upgradeCost(out[i], budget); ok {
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

// anyDowngrade reports whether any request gets a lower option than it has now.
func anyDowngrade(requests []request, indexes []int) bool {
	for i := range requests {
		if indexes[i] < requests[i].current {
			return true
		}
	}
	return false
}

// upgradeCost returns the additional bitrate of the option that follows the one with index from. ok says that the
// budget has enough for it.
func (c *request) upgradeCost(from, budget int) (step int, ok bool) {
	if from == currentPaused || from+1 >= len(c.options) {
		return 0, false
	}
	cost := c.options[from+1].cost
	step = cost - c.options[from].cost
	need := float64(step)
	if c.current != currentUnknown && from+1 > c.current {
		peak, margin := c.options[from+1].peak, upgradeMargin
		if c.atCapacity && c.options[from+1].Spatial > c.options[from].Spatial {
			margin = spatialMargin
		}
		need += float64(peak-cost) + margin*float64(peak)
		if c.heldOff && float64(budget+c.options[from].cost) < holdoffOverride*float64(peak) {
			return 0, false
		}
	}
	return step, need <= float64(budget)
}
