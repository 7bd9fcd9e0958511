package sfu

import (
	"testing"
	"time"
)

// moment is one packet, and when it has to be.
type timelineStep struct {
	name    string
	restart bool          // the packet is the first of a stream
	late    bool          // its number is below that of the packet before
	stamp   uint32        // its timestamp
	arrival time.Duration // since the beginning
	clock   Clock         // zero: no report has come
	want    time.Duration // since the beginning on the publisher's clock; unknownMoment for none
}

const unknownTime = -time.Hour

func TestTimelineFollowsThePublishersClock(t *testing.T) {
	began, arrived := time.Unix(2_000_000_000, 0), time.Now()
	// reported is the clock by a report that timestamp stamp is the moment at.
	reported := func(stamp uint32, at time.Duration) Clock {
		return Clock{Sent: began.Add(at), Arrived: arrived, Timestamp: stamp, Rate: 1000}
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name    string
		packets []timelineStep
	}{
		{"a late packet has the moment it would have had in time", []timelineStep{
			{name: "first", restart: true, stamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "later", stamp: 200, arrival: 100 * time.Millisecond, clock: reported(0, 0), want: 200 * time.Millisecond},
			{name: "late", late: true, stamp: 150, arrival: 110 * time.Millisecond, clock: reported(0, 0), want: 150 * time.Millisecond},
			{name: "next", stamp: 250, arrival: 150 * time.Millisecond, clock: reported(0, 0), want: 250 * time.Millisecond},
		}},
		{"moments are unknown before the first report", []timelineStep{
			{name: "first", restart: true, stamp: 100, want: unknownTime},
			{name: "next", stamp: 200, arrival: 100 * time.Millisecond, want: unknownTime},
			{name: "late", late: true, stamp: 150, arrival: 110 * time.Millisecond, clock: reported(0, 0), want: 150 * time.Millisecond},
			{name: "next with a report", stamp: 300, arrival: 200 * time.Millisecond, clock: reported(0, 0), want: 300 * time.Millisecond},
		}},
		{"a late packet of a stream without a report keeps its distance", []timelineStep{
			{name: "other stream", restart: true, stamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "first", restart: true, stamp: 7000, arrival: 50 * time.Millisecond, want: 150 * time.Millisecond},
			{name: "next", stamp: 7100, arrival: 150 * time.Millisecond, want: 250 * time.Millisecond},
			{name: "late", late: true, stamp: 7050, arrival: 160 * time.Millisecond, want: 200 * time.Millisecond},
		}},
		{"moments go on over the wrap of timestamps", []timelineStep{
			{name: "before", restart: true, stamp: 1<<32 - 100, clock: reported(1<<32-200, 0), want: 100 * time.Millisecond},
			{name: "after", stamp: 100, arrival: 200 * time.Millisecond, clock: reported(1<<32-200, 0), want: 300 * time.Millisecond},
			{name: "late", late: true, stamp: 1<<32 - 50, arrival: 210 * time.Millisecond, clock: reported(1<<32-200, 0), want: 150 * time.Millisecond},
			{name: "newer report", stamp: 200, arrival: 300 * time.Millisecond, clock: reported(150, 350*time.Millisecond), want: 400 * time.Millisecond},
		}},
		{"reports that disagree by less than a picture do not turn moments back", []timelineStep{
			{name: "first", restart: true, stamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "next", stamp: 110, arrival: 10 * time.Millisecond, clock: reported(0, -20*time.Millisecond), want: 100 * time.Millisecond},
			{name: "later", stamp: 140, arrival: 40 * time.Millisecond, clock: reported(0, -20*time.Millisecond), want: 120 * time.Millisecond},
		}},
		{"a clock that is set back does not stop moments", []timelineStep{
			{name: "before", restart: true, stamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "set", stamp: 200, arrival: 100 * time.Millisecond, clock: reported(150, -day), want: 200 * time.Millisecond},
			{name: "jitter", stamp: 300, arrival: 250 * time.Millisecond, clock: reported(150, -day), want: 300 * time.Millisecond},
			{name: "other stream with an old report", restart: true, stamp: 7400, arrival: 300 * time.Millisecond, clock: reported(7000, 0), want: 400 * time.Millisecond},
			{name: "and with a new one", stamp: 7500, arrival: 400 * time.Millisecond, clock: reported(7450, -day), want: 500 * time.Millisecond},
		}},
		{"a clock that is set forward does not move moments", []timelineStep{
			{name: "before", restart: true, stamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "set", stamp: 200, arrival: 100 * time.Millisecond, clock: reported(150, day), want: 200 * time.Millisecond},
			{name: "next", stamp: 300, arrival: 200 * time.Millisecond, clock: reported(150, day), want: 300 * time.Millisecond},
		}},
		{"timestamps that stood still in a pause are put right by the next report", []timelineStep{
			{name: "before", restart: true, stamp: 100, clock: reported(0, 0), want: 100 * time.Millisecond},
			{name: "after", restart: true, stamp: 133, arrival: time.Minute, clock: reported(0, 0), want: time.Minute + 100*time.Millisecond},
			{name: "reported", stamp: 233, arrival: time.Minute + 100*time.Millisecond, clock: reported(233, time.Minute+210*time.Millisecond), want: time.Minute + 210*time.Millisecond},
		}},
		{"timestamps that restart within a stream do not stop moments", []timelineStep{
			{name: "before", restart: true, stamp: 1 << 20, clock: reported(1<<20-100, 0), want: 100 * time.Millisecond},
			{name: "after", stamp: 7, arrival: 50 * time.Millisecond, clock: reported(1<<20-100, 0), want: 150 * time.Millisecond},
			{name: "next", stamp: 57, arrival: 100 * time.Millisecond, clock: reported(1<<20-100, 0), want: 200 * time.Millisecond},
			{name: "reported", stamp: 107, arrival: 150 * time.Millisecond, clock: reported(107, 260*time.Millisecond), want: 260 * time.Millisecond},
		}},
		{"a stream may send nothing for longer than half the range of timestamps", []timelineStep{
			{name: "before", restart: true, stamp: 0, clock: reported(0, 0), want: 0},
			{name: "after", stamp: 1<<31 + 5, arrival: (1<<31 + 5) * time.Millisecond, clock: reported(0, 0), want: (1<<31 + 5) * time.Millisecond},
			{name: "next", stamp: 1<<31 + 100, arrival: (1<<31 + 100) * time.Millisecond, clock: reported(0, 0), want: (1<<31 + 100) * time.Millisecond},
		}},
		{"a pause may be longer than half the range of timestamps", []timelineStep{
			{name: "before", restart: true, stamp: 0, clock: reported(0, 0), want: 0},
			{name: "after", restart: true, stamp: 1 << 31, arrival: 1 << 31 * time.Millisecond, clock: reported(0, 0), want: 1 << 31 * time.Millisecond},
			{name: "next", stamp: 1<<31 + 100, arrival: (1<<31 + 100) * time.Millisecond, clock: reported(0, 0), want: (1<<31 + 100) * time.Millisecond},
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
				p.Header.SequenceNumber, p.Header.Timestamp = number, step.stamp
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
