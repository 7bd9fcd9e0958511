package loadtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meet/internal/client"
)

// Report is what a run measured.
type Report struct {
	Publishers  int     `json:"publishers"`
	Subscribers int     `json:"subscribers"`
	Seconds     float64 `json:"seconds"` // measured

	Packets uint64  `json:"packets"` // received
	Rate    float64 `json:"packets_per_second"`
	Mbits   float64 `json:"megabits_per_second"`
	Lost    uint64  `json:"lost"`
	Loss    float64 `json:"loss"` // share, 0 to 1

	Join       Percentiles `json:"join"`        // of everybody, until the connection worked
	FirstMedia Percentiles `json:"first_media"` // of subscribers, from the beginning of the join
	Delay      Percentiles `json:"delay"`       // of packets, from one side's process back into it

	ServerCPU    float64 `json:"server_cpu_us_per_packet,omitempty"` // µs
	ServerCores  float64 `json:"server_cores,omitempty"`
	Memory       uint64  `json:"server_memory_bytes,omitempty"`
	MemoryBefore uint64  `json:"server_memory_before_bytes,omitempty"`
	OwnCPU       float64 `json:"own_cpu_us_per_packet"`
}

// Percentiles of times, in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// percentiles sorts all.
func percentiles(all []time.Duration) (p Percentiles) {
	if len(all) == 0 {
		return p
	}
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[min(int(share*float64(len(all))), len(all)-1)].Microseconds()) / 1000
	}
	return Percentiles{at(0.5), at(0.9), at(0.99), at(1)}
}

func perPacket(cpu time.Duration, packets uint64) float64 {
	return float64(cpu.Microseconds()) / float64(max(1, packets))
}

// report sums up what the subscribers have noted.
func (r *run) report(took time.Duration, got client.Received) Report {
	joins, firsts, delays := slices.Clone(r.publishers), []time.Duration(nil), []time.Duration(nil)
	for _, s := range r.subscribers {
		s.mu.Lock()
		joins, delays = append(joins, s.joined), append(delays, s.delays...)
		if s.first > 0 {
			firsts = append(firsts, s.first)
		}
		s.mu.Unlock()
	}
	return Report{
		Publishers: len(r.publishers), Subscribers: len(r.subscribers), Seconds: took.Seconds(),
		Packets: got.Packets, Rate: float64(got.Packets) / took.Seconds(), Mbits: float64(got.Bytes) * 8 / 1e6 / took.Seconds(),
		Lost: got.Lost, Loss: float64(got.Lost) / float64(max(1, got.Packets+got.Lost)),
		Join: percentiles(joins), FirstMedia: percentiles(firsts), Delay: percentiles(delays),
	}
}

// String tells the report in words.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "people       %d publishers, %d subscribers, measured for %.0f s\n", r.Publishers, r.Subscribers, r.Seconds)
	fmt.Fprintf(&b, "delivered    %.0f packets/s, %.1f Mbit/s\n", r.Rate, r.Mbits)
	fmt.Fprintf(&b, "lost         %d of %d packets (%.4f %%)\n", r.Lost, r.Packets+r.Lost, 100*r.Loss)
	for _, row := range []struct {
		what string
		p    Percentiles
	}{{"join", r.Join}, {"first media", r.FirstMedia}, {"delay", r.Delay}} {
		fmt.Fprintf(&b, "%-12s half within %.1f ms, 90 %% %.1f, 99 %% %.1f, all %.1f\n", row.what, row.p.P50, row.p.P90, row.p.P99, row.p.Max)
	}
	if r.Memory > 0 {
		fmt.Fprintf(&b, "server CPU   %.2f µs per delivered packet, %.0f %% of a core\n", r.ServerCPU, 100*r.ServerCores)
		fmt.Fprintf(&b, "server RSS   %.1f MB, %.1f MB before, %.2f MB for each subscriber\n",
			float64(r.Memory)/1e6, float64(r.MemoryBefore)/1e6, (float64(r.Memory)-float64(r.MemoryBefore))/1e6/float64(max(1, r.Subscribers)))
	}
	fmt.Fprintf(&b, "own CPU      %.2f µs per delivered packet\n", r.OwnCPU)
	return b.String()
}
