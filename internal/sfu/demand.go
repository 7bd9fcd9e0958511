package sfu

// Demand returns the highest layer that a LayerSink wants, -1 while there is none. DownTracks do not count: who subscribes
// is known elsewhere.
func (r *Receiver) Demand() int {
	for n := MaxLayers - 1; n >= 0; n-- {
		if r.demand[n].Load() > 0 {
			return n
		}
	}
	return -1
}

// want counts one more LayerSink (by = 1) or one less (by = -1) that wants layer n.
func (r *Receiver) addDemand(n int, by int32) {
	r.demand[n].Add(by)
	if r.options.DemandChanged != nil {
		r.options.DemandChanged()
	}
}
