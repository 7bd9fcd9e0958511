package loadtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"meet/internal/client"
)

// Report is the result of a run.
type Report struct {
	Publishers  int     `json:"publishers"`
	Subscribers int     `json:"subscribers"`
	Seconds     float64 `json:"seconds"` // duration of the measurement

	Rooms        int `json:"rooms"`
	VideoTracks  int `json:"pictures_each"` // number of video tracks that each subscriber receives
	Disconnected int `json:"gone"`          // number of participants whose connection was lost

	Packets   uint64  `json:"packets"` // packets received
	Rate      float64 `json:"packets_per_second"`
	Expected  float64 `json:"expected_packets_per_second"` // Plan's expected rate
	Mbits     float64 `json:"megabits_per_second"`
	Lost      uint64  `json:"lost"`
	LossRatio float64 `json:"loss"` // lost packets as a fraction of all packets, 0 to 1

	// These are the distributions, over the subscribers, of the loss ratio and of the received rate.
	LossPerSubscriber  Distribution `json:"loss_each"`
	MbitsPerSubscriber Distribution `json:"megabits_per_second_each"`

	Join       Percentiles `json:"join"`        // duration of joins
	FirstMedia Percentiles `json:"first_media"` // from the start of a subscriber's join to its first packet
	Delay      Percentiles `json:"delay"`       // from sending a packet to receiving it, both in this process

	ServerCPU    float64 `json:"server_cpu_us_per_packet,omitempty"` // microseconds
	ServerCores  float64 `json:"server_cores,omitempty"`
	Memory       uint64  `json:"server_memory_bytes,omitempty"`
	MemoryBefore uint64  `json:"server_memory_before_bytes,omitempty"`
	OwnCPU       float64 `json:"own_cpu_us_per_packet"`
}

// Distribution summarizes one measurement of all subscribers. 50 percent of them have the value P50 or a better one;
// P90 and P99 are defined in the same way. Worst is the worst value.
type Distribution struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Worst float64 `json:"all"`
}

// Percentiles are the percentiles and the maximum of times, in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// distribution sorts the values, best first, and returns their distribution. better is a comparison function for
// slices.SortFunc that orders the better value first.
func distribution(all []float64, better func(a, b float64) int) (s Distribution) {
	if len(all) == 0 {
		return s
	}
	slices.SortFunc(all, better)
	at := func(quantile float64) float64 { return all[min(int(quantile*float64(len(all))), len(all)-1)] }
	return Distribution{at(0.5), at(0.9), at(0.99), at(1)}
}

func ascending(a, b float64) int  { return cmp.Compare(a, b) }
func descending(a, b float64) int { return cmp.Compare(b, a) }

// percentiles sorts the times and returns their percentiles.
func percentiles(all []time.Duration) Percentiles {
	ms := make([]float64, len(all))
	for i, d := range all {
		ms[i] = float64(d.Microseconds()) / 1000
	}
	s := distribution(ms, ascending)
	return Percentiles{s.P50, s.P90, s.P99, s.Worst}
}

func microsecondsPerPacket(cpu time.Duration, packets uint64) float64 {
	return float64(cpu.Microseconds()) / float64(max(1, packets))
}

// report sums up the subscribers' measurements. took is the duration of the measurement.
func (r *run) report(took time.Duration) Report {
	joins, firsts, delays := slices.Clone(r.publisherJoins), []time.Duration(nil), []time.Duration(nil)
	var losses, rates []float64
	var all client.TrackStats
	for _, s := range r.subscribers {
		got := s.measuredStats()
		all.Packets, all.Bytes, all.Lost = all.Packets+got.Packets, all.Bytes+got.Bytes, all.Lost+got.Lost
		losses, rates = append(losses, lossRatio(got)), append(rates, mbits(got, took))
		s.mu.Lock()
		joins, delays = append(joins, s.joinTime), append(delays, s.delays...)
		if s.firstPacket > 0 {
			firsts = append(firsts, s.firstPacket)
		}
		s.mu.Unlock()
	}
	gone := 0
	for _, c := range r.clients {
		if c.Err() != nil || c.SignalLost() {
			gone++
		}
	}
	return Report{
		Publishers: len(r.publisherJoins), Subscribers: len(r.subscribers), Rooms: r.Rooms, VideoTracks: len(r.subscribedQualities()), Disconnected: gone,
		Seconds: took.Seconds(), Packets: all.Packets, Rate: float64(all.Packets) / took.Seconds(), Expected: r.expectedRate(),
		Mbits: mbits(all, took), Lost: all.Lost, LossRatio: lossRatio(all), LossPerSubscriber: distribution(losses, ascending), MbitsPerSubscriber: distribution(rates, descending),
		Join: percentiles(joins), FirstMedia: percentiles(firsts), Delay: percentiles(delays),
	}
}

// lossRatio returns the lost packets as a fraction of all packets.
func lossRatio(r client.TrackStats) float64 {
	return float64(r.Lost) / float64(max(1, r.Packets+r.Lost))
}

// mbits returns the received megabits per second.
func mbits(r client.TrackStats, took time.Duration) float64 {
	return float64(r.Bytes) * 8 / 1e6 / took.Seconds()
}

// String returns the report as text.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "participants %d publishers, %d subscribers of %d video tracks each, in %d rooms, measured for %.0f s\n", r.Publishers, r.Subscribers, r.VideoTracks, r.Rooms, r.Seconds)
	if r.Disconnected > 0 {
		fmt.Fprintf(&b, "disconnected %d participants lost their connection\n", r.Disconnected)
	}
	fmt.Fprintf(&b, "delivered    %.0f of %.0f packets/s, %.1f Mbit/s; per subscriber: 50 %% have at least %.2f, 99 %% %.2f, all %.2f\n",
		r.Rate, r.Expected, r.Mbits, r.MbitsPerSubscriber.P50, r.MbitsPerSubscriber.P99, r.MbitsPerSubscriber.Worst)
	fmt.Fprintf(&b, "lost         %d of %d packets (%.4f %%); per subscriber: 50 %% lost at most %.2f %%, 99 %% %.2f, all %.2f\n",
		r.Lost, r.Packets+r.Lost, 100*r.LossRatio, 100*r.LossPerSubscriber.P50, 100*r.LossPerSubscriber.P99, 100*r.LossPerSubscriber.Worst)
	for _, row := range []struct {
		what string
		p    Percentiles
	}{{"join", r.Join}, {"first media", r.FirstMedia}, {"delay", r.Delay}} {
		fmt.Fprintf(&b, "%-12s 50 %% within %.1f ms, 90 %% %.1f, 99 %% %.1f, all %.1f\n", row.what, row.p.P50, row.p.P90, row.p.P99, row.p.Max)
	}
	if r.Memory > 0 {
		fmt.Fprintf(&b, "server CPU   %.2f µs per delivered packet, %.0f %% of a core\n", r.ServerCPU, 100*r.ServerCores)
		fmt.Fprintf(&b, "server RSS   %.1f MB, %.1f MB before, %.2f MB for each subscriber\n",
			float64(r.Memory)/1e6, float64(r.MemoryBefore)/1e6, (float64(r.Memory)-float64(r.MemoryBefore))/1e6/float64(max(1, r.Subscribers)))
	}
	fmt.Fprintf(&b, "own CPU      %.2f µs per delivered packet\n", r.OwnCPU)
	return b.String()
}
