package sfu

import "meet/internal/sfu/forward"

// This file holds the arithmetic of the Allocator: functions without state.

const (
	// A higher option is chosen only if its bitrate plus upgradeMargin is available. Paused video is resumed only with
	// resumeMargin. The margins exist because estimates and bitrates vary by about a tenth without a cause.
	// spatialMargin replaces upgradeMargin if the option has a higher spatial layer and the path is known to be at
	// capacity. Such a layer starts with a key frame, which would otherwise cause congestion.
	upgradeMargin, resumeMargin, spatialMargin = 0.10, 0.20, 0.35
	// During its hold-off, which is the wait after it was lowered, a track is raised to an option only if
	// holdoffOverride times the option's peak bitrate is available.
	holdoffOverride = 1.5
	// pauseMargin is the share by which the available bitrate may be below the cost of the lowest option before the
	// video is paused. The margin exists because the estimate is lower than the path's capacity after congestion.
	pauseMargin = 0.20
)

// layerOption is a choice of layers to forward: all layers up to Target. The bitrate of these layers is measured over
// one second and over four seconds. cost is the smaller result and peak the larger one, in bits/s. An option that is in
// use stays in use while cost is available. Another option is chosen only if peak is available. So a single key frame
// does not end an option, and a quiet second does not start one that is too large.
type layerOption struct {
	forward.Target
	cost, peak int
}

// layerOptions returns the options for a track: choices of layers up to wanted, in ascending order of bitrate. If no
// wanted layer is sent, the lowest layer above them is used. An option is omitted if another one is better and costs no
// more. shortTerm contains the bitrates measured over one second, and longTerm contains those measured over four
// seconds. While no bitrate has been measured, there are no options. The result reuses the memory of options.
func layerOptions(shortTerm, longTerm *Bitrates, wanted forward.Target, options []layerOption) []layerOption {
	options = options[:0]
	rates := minRates(shortTerm, longTerm)
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
			options = append(options, layerOption{forward.Target{Spatial: s, Temporal: t}, cost, int(max(shortTerm[s][t], longTerm[s][t]))})
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

// request describes a track that wants bandwidth: its options, and the rules for a change of its current option.
type request struct {
	options    []layerOption
	priority   int  // tracks with a higher one get bandwidth first
	current    int  // index of the option allowed now, currentPaused or currentUnknown
	mayPause   bool // the video may be paused
	heldOff    bool // the track was lowered recently and should not be raised yet
	atCapacity bool // the path is known to carry no more than the estimate
}

// divide chooses an option or currentPaused for each request. The requests must be sorted by priority. First, each
// request gets its lowest option, or is paused if the budget is too low for that. Then the requests are raised one
// option at a time, with the remaining budget except for reserved. Those with the highest priority are raised first,
// and those with equal priority in turn.
//
// divide returns the indexes of the options, in the memory of buf. It also returns the unused budget in bits/s, which
// is negative if the lowest options exceed the budget.
func divide(budget, reserved int, requests []request, buf []int) ([]int, int) {
	buf = buf[:0]
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
			buf = append(buf, currentPaused)
			continue
		}
		budget -= lowest
		buf = append(buf, 0)
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
				if step, ok := requests[i].upgradeCost(buf[i], budget); ok {
					buf[i]++
					budget -= step
					risen = true
				}
			}
		}
		from = to
	}
	return buf, budget + reserved
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

// upgradeCost returns how much more bitrate the next option needs than the option with the given index. ok is false if
// the index is currentPaused, if there is no next option, if the budget is too low for it, or if the track's hold-off
// forbids it.
func (c *request) upgradeCost(index, budget int) (step int, ok bool) {
	if index == currentPaused || index+1 >= len(c.options) {
		return 0, false
	}
	cost := c.options[index+1].cost
	step = cost - c.options[index].cost
	need := float64(step)
	if c.current != currentUnknown && index+1 > c.current {
		peak, margin := c.options[index+1].peak, upgradeMargin
		if c.atCapacity && c.options[index+1].Spatial > c.options[index].Spatial {
			margin = spatialMargin
		}
		need += float64(peak-cost) + margin*float64(peak)
		if c.heldOff && float64(budget+c.options[index].cost) < holdoffOverride*float64(peak) {
			return 0, false
		}
	}
	return step, need <= float64(budget)
}
