package sfu

import (
	"slices"
	"testing"
)

// sending is a track of three layers without temporal ones, whose rates are given in kbit/s.
func sending(rates ...uint32) *Bitrates {
	var b Bitrates
	for s, r := range rates {
		for t := range MaxTemporals {
			b[s][t] = r * 1000
		}
	}
	return &b
}

func TestLevelsOf(t *testing.T) {
	temporal := &Bitrates{{60_000, 90_000, 120_000, 120_000}, {200_000, 300_000, 400_000, 400_000}}
	for name, tt := range map[string]struct {
		rates  *Bitrates
		wanted target
		want   []level
	}{
		"nothing measured":        {&Bitrates{}, everything, nil},
		"one stream":              {sending(700), everything, []level{{target{0, 3}, 700_000}}},
		"three":                   {sending(100, 400, 1500), everything, []level{{target{0, 3}, 100_000}, {target{1, 3}, 400_000}, {target{2, 3}, 1_500_000}}},
		"less is wanted":          {sending(100, 400, 1500), target{1, 3}, []level{{target{0, 3}, 100_000}, {target{1, 3}, 400_000}}},
		"the lowest is off":       {sending(0, 400, 1500), target{0, 3}, []level{{target{1, 3}, 400_000}}},
		"a better one is cheaper": {sending(100, 400, 300), everything, []level{{target{0, 3}, 100_000}, {target{2, 3}, 300_000}}},
		// A quarter of the better pictures is not offered.
		"temporal": {temporal, everything, []level{
			{target{0, 0}, 60_000}, {target{0, 1}, 90_000}, {target{0, 3}, 120_000}, {target{1, 1}, 300_000}, {target{1, 3}, 400_000},
		}},
		"few pictures a second": {temporal, target{1, 0}, []level{{target{0, 0}, 60_000}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := levelsOf(tt.rates, tt.wanted, nil); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDivide(t *testing.T) {
	levels := levelsOf(sending(100, 400, 1500), everything, nil)
	fresh := claim{levels: levels, held: heldUnknown, pauses: true}
	with := func(c claim, change func(*claim)) claim { change(&c); return c }
	important := with(fresh, func(c *claim) { c.priority = 5 })
	firm := with(fresh, func(c *claim) { c.pauses = false })
	held := func(at int) claim { return with(fresh, func(c *claim) { c.held = at }) }
	for name, tt := range map[string]struct {
		budget int // kbit/s
		claims []claim
		want   []int
		left   int // kbit/s
	}{
		"room for all":                          {5000, []claim{fresh, fresh}, []int{2, 2}, 2000},
		"equals rise in turn":                   {2000, []claim{fresh, fresh}, []int{2, 1}, 100},
		"the important one first":               {1650, []claim{important, fresh}, []int{2, 0}, 50},
		"but everybody the lowest before":       {350, []claim{important, fresh, fresh}, []int{0, 0, 0}, 50},
		"the last is paused":                    {190, []claim{important, fresh, fresh}, []int{0, 0, -1}, -10},
		"all are paused":                        {50, []claim{fresh, fresh}, []int{-1, -1}, 50},
		"who may not be paused gets the lowest": {50, []claim{firm, firm}, []int{0, 0}, -150},
		"a paused one needs more to come back":  {110, []claim{held(heldPaused)}, []int{-1}, 110},
		"and has it":                            {125, []claim{held(heldPaused)}, []int{0}, 25},
		"a running one is patient":              {85, []claim{held(0)}, []int{0}, -15},
		"what is held is kept":                  {400, []claim{held(1)}, []int{1}, 0},
		"what is not held needs more":           {400, []claim{held(0)}, []int{0}, 300},
		"one that fell just now waits":          {500, []claim{with(held(0), func(c *claim) { c.rests = true })}, []int{0}, 400},
		"unless there is clearly room":          {700, []claim{with(held(0), func(c *claim) { c.rests = true })}, []int{1}, 300},
	} {
		t.Run(name, func(t *testing.T) {
			got, left := divide(tt.budget*1000, tt.claims, nil)
			if !slices.Equal(got, tt.want) || left != tt.left*1000 {
				t.Errorf("got %v with %d left, want %v with %d", got, left, tt.want, tt.left*1000)
			}
		})
	}
}
