package sfu

// Demand returns the highest layer that any LayerSink wants, -1 if there is none. DownTracks are not included: the room
// tracks what subscribers want.
func (r *Receiver) Demand() int {
	for n := MaxLayers - 1; n >= 0; n-- {
		if r.demand[n].Load() > 0 {
			return n
		}
	}
	return -1
}

// addDemand adds delta, which is 1 or -1, to the number of LayerSinks that want layer n.
func (r *Receiver) addDemand(n int, delta int32) {
	r.demand[n].Add(delta)
	if r.options.DemandChanged != nil {
		r.options.DemandChanged()
	}
}
