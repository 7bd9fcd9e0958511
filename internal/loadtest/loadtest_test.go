package loadtest

import (
	"strings"
	"testing"
	"time"
)

func good() Plan {
	return Plan{Rooms: 1, Video: 3, Subscribers: 40, Frames: 30, Packets: 7, Size: 1100, Duration: time.Second}
}

// TestValidate: what cannot be done is refused by the flag's name, never made less.
func TestValidate(t *testing.T) {
	p := good()
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	for flag, spoil := range map[string]func(*Plan){
		"--rooms": func(p *Plan) { p.Rooms = 0 }, "--publishers": func(p *Plan) { p.Video = 0 }, "--subscribers": func(p *Plan) { p.Subscribers = most },
		"--tiles": func(p *Plan) { p.Tiles = 4 }, "--frames": func(p *Plan) { p.Frames = 0 }, "--packets": func(p *Plan) { p.Packets = 0 },
		"--size": func(p *Plan) { p.Size = leastSize - 1 }, "--ramp": func(p *Plan) { p.Ramp = -1 }, "--duration": func(p *Plan) { p.Duration = 0 },
	} {
		p := good()
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), flag+": ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestPercentiles(t *testing.T) {
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

func TestReportInWords(t *testing.T) {
	r := Report{Publishers: 3, Subscribers: 2, Seconds: 20, Packets: 999, Lost: 1, Loss: 0.001, Rate: 50, ServerCPU: 8.5, Memory: 3e6, MemoryBefore: 1e6}
	for _, want := range []string{"3 publishers, 2 subscribers", "1 of 1000 packets (0.1000 %)", "8.50 µs per delivered packet", "1.00 MB for each subscriber"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is missing in\n%s", want, r)
		}
	}
}
