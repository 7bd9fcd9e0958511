package sfu

import (
	"slices"
	"testing"

	"meet/internal/sfu/forward"
)

// layerBitrates returns the bitrates of a track with simulcast layers. rates contains one bitrate for each layer, in
// kbit/s. The layers have no temporal layers.
func layerBitrates(rates ...uint32) *Bitrates {
	var b Bitrates
	for s, r := range rates {
		for t := range MaxTemporals {
			b[s][t] = r * 1000
		}
	}
	return &b
}

// constantOption returns an option whose cost and peak are both cost, in kbit/s.
func constantOption(spatial, temporal, cost int) layerOption {
	return layerOption{forward.Target{Spatial: spatial, Temporal: temporal}, cost * 1000, cost * 1000}
}

func TestAllocatorLayerOptionsAreSortedByBitrate(t *testing.T) {
	temporal := &Bitrates{{60_000, 90_000, 120_000, 120_000}, {200_000, 300_000, 400_000, 400_000}}
	for name, tt := range map[string]struct {
		rates  *Bitrates
		wanted forward.Target
		want   []layerOption
	}{
		"nothing measured":         {&Bitrates{}, allLayers, nil},
		"one stream":               {layerBitrates(700), allLayers, []layerOption{constantOption(0, 3, 700)}},
		"three layers":             {layerBitrates(100, 400, 1500), allLayers, []layerOption{constantOption(0, 3, 100), constantOption(1, 3, 400), constantOption(2, 3, 1500)}},
		"only lower layers wanted": {layerBitrates(100, 400, 1500), forward.Target{Spatial: 1, Temporal: 3}, []layerOption{constantOption(0, 3, 100), constantOption(1, 3, 400)}},
		"lowest layer not sent":    {layerBitrates(0, 400, 1500), forward.Target{Spatial: 0, Temporal: 3}, []layerOption{constantOption(1, 3, 400)}},
		"higher layer cheaper":     {layerBitrates(100, 400, 300), allLayers, []layerOption{constantOption(0, 3, 100), constantOption(2, 3, 300)}},
		// There is no option with a quarter of the higher layer's frame rate.
		"temporal layers": {temporal, allLayers, []layerOption{
			constantOption(0, 0, 60), constantOption(0, 1, 90), constantOption(0, 3, 120), constantOption(1, 1, 300), constantOption(1, 3, 400),
		}},
		"lowest temporal layer wanted": {temporal, forward.Target{Spatial: 1, Temporal: 0}, []layerOption{constantOption(0, 0, 60)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := layerOptions(tt.rates, tt.rates, tt.wanted, nil); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// In one case the key frame was sent in the last second, in the other case some seconds ago.
func TestKeyFrameRaisesPeakBitrateButNotCostOfLayerOption(t *testing.T) {
	usual, burst := layerBitrates(100, 400, 1500), layerBitrates(450, 600, 1500)
	want := []layerOption{{forward.Target{Spatial: 0, Temporal: 3}, 100_000, 450_000}, {forward.Target{Spatial: 1, Temporal: 3}, 400_000, 600_000}, constantOption(2, 3, 1500)}
	for _, rates := range [][2]*Bitrates{{usual, burst}, {burst, usual}} {
		if got := layerOptions(rates[0], rates[1], allLayers, nil); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestBandwidthIsDividedAmongTracksByPriority(t *testing.T) {
	steady := layerBitrates(100, 400, 1500)
	levels := layerOptions(steady, steady, allLayers, nil)
	fresh := request{options: levels, current: currentUnknown, mayPause: true}
	with := func(c request, change func(*request)) request { change(&c); return c }
	full := with(fresh, func(c *request) { c.current, c.atCapacity = 0, true })
	important := with(fresh, func(c *request) { c.priority = 5 })
	firm := with(fresh, func(c *request) { c.mayPause = false })
	held := func(at int) request { return with(fresh, func(c *request) { c.current = at }) }
	bursting := with(held(0), func(c *request) { c.options = layerOptions(steady, layerBitrates(100, 1000, 1500), allLayers, nil) })
	for name, tt := range map[string]struct {
		budget, reserved int // kbit/s
		requests         []request
		want             []int
		left             int // kbit/s
	}{
		"bandwidth for all":                                   {5000, 0, []request{fresh, fresh}, []int{2, 2}, 2000},
		"equal priorities are raised in turn":                 {2000, 0, []request{fresh, fresh}, []int{2, 1}, 100},
		"higher priority is raised first":                     {1650, 0, []request{important, fresh}, []int{2, 0}, 50},
		"all get the lowest option first":                     {350, 0, []request{important, fresh, fresh}, []int{0, 0, 0}, 50},
		"the last one is paused":                              {190, 0, []request{important, fresh, fresh}, []int{0, 0, -1}, -10},
		"all are paused":                                      {50, 0, []request{fresh, fresh}, []int{-1, -1}, 50},
		"without permission to pause it gets the lowest":      {50, 0, []request{firm, firm}, []int{0, 0}, -150},
		"resuming needs a margin":                             {110, 0, []request{held(currentPaused)}, []int{-1}, 110},
		"resuming with the margin":                            {125, 0, []request{held(currentPaused)}, []int{0}, 25},
		"pausing needs a margin":                              {85, 0, []request{held(0)}, []int{0}, -15},
		"the current option needs no margin":                  {400, 0, []request{held(1)}, []int{1}, 0},
		"an upgrade needs a margin":                           {400, 0, []request{held(0)}, []int{0}, 300},
		"a spatial upgrade at capacity needs a larger margin": {530, 0, []request{full}, []int{0}, 430},
		"a spatial upgrade at capacity with that margin":      {540, 0, []request{full}, []int{1}, 140},
		"an upgrade needs the option's peak":                  {1050, 0, []request{bursting}, []int{0}, 950},
		"an upgrade with the option's peak":                   {1150, 0, []request{bursting}, []int{1}, 750},
		"reserved bitrate is not used for upgrades":           {500, 150, []request{held(1)}, []int{0}, 400},
		"reserved bitrate causes no pause":                    {150, 100, []request{held(1)}, []int{0}, 50},
		"no upgrade during the hold-off":                      {500, 0, []request{with(held(0), func(c *request) { c.heldOff = true })}, []int{0}, 400},
		"upgrade during the hold-off with ample bandwidth":    {700, 0, []request{with(held(0), func(c *request) { c.heldOff = true })}, []int{1}, 300},
	} {
		t.Run(name, func(t *testing.T) {
			got, left := divide(tt.budget*1000, tt.reserved*1000, tt.requests, nil)
			if !slices.Equal(got, tt.want) || left != tt.left*1000 {
				t.Errorf("got %v with %d left, want %v with %d", got, left, tt.want, tt.left*1000)
			}
		})
	}
}
