package sfu

import (
	"testing"
	"time"
)

// timelineStep is one packet, and its expected time.
type timelineStep struct {
	name      string
	restart   bool          // the packet is the first of its stream
	late      bool          // its sequence number is lower than that of the previous packet
	timestamp uint32        // its RTP timestamp
	arrival   time.Duration // since the start
	clock     Clock         // zero: no sender report has arrived
	want      time.Duration // since the start on the publisher's clock; unknownTime for none
}

// unknownTime as an expected time means that the packet's time is unknown.
const unknownTime = -time.Hour

func TestPacketTimesFollowThePublishersSenderReports(t *testing.T) {
	began, arrived := time.Unix(2_000_000_000, 0), time.Now()
	// reported returns the clock of a sender report in which the timestamp stamp is at time at.
	reported := func(stamp uint32, at time.Duration) Clock {
		return Clock{Sent: began.Add(at), Arrived: arrived, Timestamp: stamp, Rate: 1000}
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name    string
		packets []timelineStep
	}{
		{"a late packet has the time it would have had in order", []timelineStep{
			{name: "first", restart: true, timestamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "later", timestamp: 200, arrival: 100 * time.Millisecond, clock: reported(0, 0), want: 200 * time.Millisecond},
			{name: "late", late: true, timestamp: 150, arrival: 110 * time.Millisecond, clock: reported(0, 0), want: 150 * time.Millisecond},
			{name: "next", timestamp: 250, arrival: 150 * time.Millisecond, clock: reported(0, 0), want: 250 * time.Millisecond},
		}},
		{"times are unknown before the first report", []timelineStep{
			{name: "first", restart: true, timestamp: 100, want: unknownTime},
			{name: "next", timestamp: 200, arrival: 100 * time.Millisecond, want: unknownTime},
			{name: "late", late: true, timestamp: 150, arrival: 110 * time.Millisecond, clock: reported(0, 0), want: 150 * time.Millisecond},
			{name: "next with a report", timestamp: 300, arrival: 200 * time.Millisecond, clock: reported(0, 0), want: 300 * time.Millisecond},
		}},
		{"a late packet of a stream without a report keeps its distance", []timelineStep{
			{name: "other stream", restart: true, timestamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "first", restart: true, timestamp: 7000, arrival: 50 * time.Millisecond, want: 150 * time.Millisecond},
			{name: "next", timestamp: 7100, arrival: 150 * time.Millisecond, want: 250 * time.Millisecond},
			{name: "late", late: true, timestamp: 7050, arrival: 160 * time.Millisecond, want: 200 * time.Millisecond},
		}},
		{"times increase across the wrap of timestamps", []timelineStep{
			{name: "before", restart: true, timestamp: 1<<32 - 100, clock: reported(1<<32-200, 0), want: 100 * time.Millisecond},
			{name: "after", timestamp: 100, arrival: 200 * time.Millisecond, clock: reported(1<<32-200, 0), want: 300 * time.Millisecond},
			{name: "late", late: true, timestamp: 1<<32 - 50, arrival: 210 * time.Millisecond, clock: reported(1<<32-200, 0), want: 150 * time.Millisecond},
			{name: "newer report", timestamp: 200, arrival: 300 * time.Millisecond, clock: reported(150, 350*time.Millisecond), want: 400 * time.Millisecond},
		}},
		{"reports that differ by less than a frame do not decrease times", []timelineStep{
			{name: "first", restart: true, timestamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "next", timestamp: 110, arrival: 10 * time.Millisecond, clock: reported(0, -20*time.Millisecond), want: 100 * time.Millisecond},
			{name: "later", timestamp: 140, arrival: 40 * time.Millisecond, clock: reported(0, -20*time.Millisecond), want: 120 * time.Millisecond},
		}},
		{"times increase when the clock is set back", []timelineStep{
			{name: "before", restart: true, timestamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "set", timestamp: 200, arrival: 100 * time.Millisecond, clock: reported(150, -day), want: 200 * time.Millisecond},
			{name: "jitter", timestamp: 300, arrival: 250 * time.Millisecond, clock: reported(150, -day), want: 300 * time.Millisecond},
			{name: "other stream with an old report", restart: true, timestamp: 7400, arrival: 300 * time.Millisecond, clock: reported(7000, 0), want: 400 * time.Millisecond},
			{name: "and with a new one", timestamp: 7500, arrival: 400 * time.Millisecond, clock: reported(7450, -day), want: 500 * time.Millisecond},
		}},
		{"times do not jump when the clock is set forward", []timelineStep{
			{name: "before", restart: true, timestamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "set", timestamp: 200, arrival: 100 * time.Millisecond, clock: reported(150, day), want: 200 * time.Millisecond},
			{name: "next", timestamp: 300, arrival: 200 * time.Millisecond, clock: reported(150, day), want: 300 * time.Millisecond},
		}},
		{"the next report corrects timestamps that stopped in a pause", []timelineStep{
			{name: "before", restart: true, timestamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "after", restart: true, timestamp: 133, arrival: time.Minute, clock: reported(0, 0), want: time.Minute + 100*time.Millisecond},
			{name: "reported", timestamp: 233, arrival: time.Minute + 100*time.Millisecond, clock: reported(233, time.Minute+210*time.Millisecond), want: time.Minute + 210*time.Millisecond},
		}},
		{"times increase when timestamps restart within a stream", []timelineStep{
			{name: "before", restart: true, timestamp: 1 << 20, clock: reported(1<<20-100, 0), want: 100 * time.Millisecond},
			{name: "after", timestamp: 7, arrival: 50 * time.Millisecond, clock: reported(1<<20-100, 0), want: 150 * time.Millisecond},
			{name: "next", timestamp: 57, arrival: 100 * time.Millisecond, clock: reported(1<<20-100, 0), want: 200 * time.Millisecond},
			{name: "reported", timestamp: 107, arrival: 150 * time.Millisecond, clock: reported(107, 260*time.Millisecond), want: 260 * time.Millisecond},
		}},
		{"a stream may send nothing for longer than half the range of timestamps", []timelineStep{
			{name: "before", restart: true, timestamp: 0, clock: reported(0, 0), want: 0},
			{name: "after", timestamp: 1<<31 + 5, arrival: (1<<31 + 5) * time.Millisecond, clock: reported(0, 0), want: (1<<31 + 5) * time.Millisecond},
			{name: "next", timestamp: 1<<31 + 100, arrival: (1<<31 + 100) * time.Millisecond, clock: reported(0, 0), want: (1<<31 + 100) * time.Millisecond},
		}},
		{"a pause may be longer than half the range of timestamps", []timelineStep{
			{name: "before", restart: true, timestamp: 0, clock: reported(0, 0), want: 0},
			{name: "after", restart: true, timestamp: 1 << 31, arrival: 1 << 31 * time.Millisecond, clock: reported(0, 0), want: 1 << 31 * time.Millisecond},
			{name: "next", timestamp: 1<<31 + 100, arrival: (1<<31 + 100) * time.Millisecond, clock: reported(0, 0), want: (1<<31 + 100) * time.Millisecond},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, number := timeline{rate: 1000}, uint16(1<<16-10)
			for _, step := range tt.packets {
				if step.restart {
					m.restart()
				}
				p := &Packet{}
				p.Arrival = arrived.Add(step.arrival)
				number += 2
				p.Header.SequenceNumber, p.Header.Timestamp = number, step.timestamp
				if step.late {
					p.Header.SequenceNumber -= 3
				}
				got := m.next(p, step.clock, step.clock != Clock{})
				switch want := began.Add(step.want); {
				case step.want == unknownTime:
					if !got.IsZero() {
						t.Errorf("%s: %v, want none", step.name, got)
					}
				case !got.Equal(want):
					t.Errorf("%s: off by %v", step.name, got.Sub(want))
				}
			}
		})
	}
}
