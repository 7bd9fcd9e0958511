package loadtest

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
)

func validPlan() Plan {
	return Plan{Rooms: 1, VideoPublishers: 3, Subscribers: 40, FrameRate: 30, PacketsPerFrame: 7, PacketSize: 1100, Duration: time.Second}
}

// An invalid value is an error that begins with the name of its flag.
func TestValidateNamesTheFlagOfAnInvalidValue(t *testing.T) {
	p := validPlan()
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	for flag, spoil := range map[string]func(*Plan){
		"--rooms": func(p *Plan) { p.Rooms = 0 }, "--publishers": func(p *Plan) { p.VideoPublishers = 0 }, "--subscribers": func(p *Plan) { p.Subscribers = maxParticipants },
		"--layout": func(p *Plan) { p.VideoPublishers, p.AudioPublishers, p.Layout = 0, 1, EqualTiles(1) }, "--pid": func(p *Plan) { p.PID = 1 << 30 },
		"--settle": func(p *Plan) { p.Settle = -1 }, "--frames": func(p *Plan) { p.FrameRate = 0 }, "--packets": func(p *Plan) { p.PacketsPerFrame = 0 },
		"--size": func(p *Plan) { p.PacketSize = minPacketSize - 1 }, "--ramp": func(p *Plan) { p.JoinRate = -1 }, "--duration": func(p *Plan) { p.Duration = 0 },
	} {
		p := validPlan()
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), flag+": ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestPercentilesAreComputedFromUnsortedTimes(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(1000-i)*time.Millisecond)
	}
	if got, want := percentiles(all), (Percentiles{501, 901, 991, 1000}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := percentiles(nil); got != (Percentiles{}) {
		t.Errorf("of nothing: %v", got)
	}
}

// In some cases there are fewer video tracks than tiles, in others there are more.
func TestLayoutDeterminesSubscribedQualitiesAndExpectedPacketRate(t *testing.T) {
	for _, tt := range []struct {
		layout              string
		tiles, video        int
		high, medium, small int
	}{
		{"speaker", 0, 10, 1, 0, 5},
		{"speaker", 0, 3, 1, 0, 2},
		{"3x3", 0, 10, 0, 9, 0},
		{"4x4", 0, 20, 0, 0, 16},
		{"5x5", 0, 25, 0, 0, 25},
		{"5x5", 0, 2, 0, 0, 2},
		{"", 1, 5, 1, 0, 0},
		{"", 4, 5, 0, 4, 0},
		{"", 5, 5, 0, 0, 5},
		{"", 0, 3, 0, 3, 0},
		{"", 0, 0, 0, 0, 0},
	} {
		p := Plan{Rooms: 2, Subscribers: 3, VideoPublishers: tt.video, AudioPublishers: 1, Layout: EqualTiles(tt.tiles), Simulcast: true, FrameRate: 10, PacketsPerFrame: 18}
		if tt.layout != "" {
			var ok bool
			if p.Layout, ok = LayoutByName(tt.layout); !ok {
				t.Fatal(tt.layout)
			}
		}
		count := map[livekit.VideoQuality]int{}
		for _, quality := range p.subscribedQualities() {
			count[quality]++
		}
		if count[livekit.VideoQuality_HIGH] != tt.high || count[livekit.VideoQuality_MEDIUM] != tt.medium || count[livekit.VideoQuality_LOW] != tt.small {
			t.Errorf("%+v: %v", tt, count)
		}
		if want := float64(2 * 3 * (50 + 10*(tt.high*18+tt.medium*6+tt.small*2))); p.expectedRate() != want {
			t.Errorf("%+v: %v packets a second, want %v", tt, p.expectedRate(), want)
		}
	}
	if _, ok := LayoutByName("9x9"); ok || LayoutNames() != "speaker, 3x3, 4x4, 5x5" {
		t.Errorf("layouts are %s", LayoutNames())
	}
}

func TestDistributionTakesHighestLossAndLowestRateAsWorst(t *testing.T) {
	if got, want := distribution([]float64{3, 1, 2}, ascending), (Distribution{2, 3, 3, 3}); got != want {
		t.Errorf("losses %v, want %v", got, want)
	}
	if got, want := distribution([]float64{3, 1, 2}, descending), (Distribution{2, 1, 1, 1}); got != want {
		t.Errorf("rates %v, want %v", got, want)
	}
}

// In a long run, the number of kept delays stays limited, and they include delays from the end of the run.
func TestSampledPacketDelaysCoverTheWholeRun(t *testing.T) {
	s := &subscriber{start: time.Now()}
	packet := make([]byte, 40)
	for n := range 4 * maxDelaySamples {
		ago := 10 * time.Millisecond
		if n >= 2*maxDelaySamples {
			ago = 10 * time.Second
		}
		binary.BigEndian.PutUint64(packet[len(packet)-timestampSize:], uint64(time.Now().Add(-ago).UnixMicro()))
		s.recordDelay(packet)
	}
	late := 0
	for _, d := range s.delays {
		if d > time.Second {
			late++
		}
	}
	if len(s.delays) != maxDelaySamples || late < maxDelaySamples/3 || late > 2*maxDelaySamples/3 {
		t.Errorf("%d delays, %d of the second half", len(s.delays), late)
	}
}

func FuzzRecordDelay(f *testing.F) {
	f.Add([]byte{0x80, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		s := &subscriber{start: time.Now()}
		s.recordDelay(packet)
		for _, d := range s.delays {
			if d < 0 || d > time.Minute {
				t.Errorf("a delay of %v", d)
			}
		}
		startsKeyFrame(packet)
	})
}

func TestReportStringContainsEveryValue(t *testing.T) {
	r := Report{Publishers: 3, Subscribers: 2, VideoTracks: 3, Rooms: 1, Disconnected: 2, Seconds: 20, Packets: 999, Lost: 1, LossRatio: 0.001, Rate: 50, ServerCPU: 8.5, Memory: 3e6, MemoryBefore: 1e6}
	for _, want := range []string{"3 publishers, 2 subscribers of 3 video tracks each, in 1 rooms", "2 participants lost their connection", "1 of 1000 packets (0.1000 %)", "8.50 µs per delivered packet", "1.00 MB for each subscriber"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is missing in\n%s", want, r)
		}
	}
}
