package sfu

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func observe(a *AudioLevel, n int, level uint8) {
	for range n {
		a.Observe(level)
	}
}

func TestAudioLevel(t *testing.T) {
	tests := []struct {
		name          string
		sound, silent int   // packets of the interval
		level         uint8 // of the sound
		want          float32
	}{
		{"no packets", 0, 0, 0, 0},
		{"silence", 0, 20, 0, 0},
		{"full loudness counts by the smoothing at first", 20, 0, 0, 0.75}, // 2/3, up to the next eighth
		{"the least share that is sound", 8, 12, 0, 0.75},
		{"too small a share", 7, 13, 0, 0},
		{"the quietest sound", 20, 0, activeLevel, 0.125},
		{"just too quiet", 20, 0, activeLevel + 1, 0},
		{"−6 dBov is half", 20, 0, 6, 0.375}, // 0.501·2/3 = 0.334
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a AudioLevel
			observe(&a, tt.sound, tt.level)
			observe(&a, tt.silent, 127)
			if got := a.Read(); got != tt.want {
				t.Errorf("level %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAudioLevelSmooths(t *testing.T) {
	var a AudioLevel
	var last float32
	for i := range 10 {
		observe(&a, 20, 0)
		got := a.Read()
		if got < last {
			t.Errorf("interval %d of a steady tone: fell from %v to %v", i, last, got)
		}
		last = got
	}
	if last != 1 {
		t.Errorf("a steady full tone reads %v, want 1", last)
	}
	want := []float32{0.375, 0.125, 0.125, 0.125, 0}
	for i, w := range want {
		got := a.Read() // no packets: DTX, mute, lost
		if got != w {
			t.Errorf("interval %d after the tone: %v, want %v", i, got, w)
		}
		if eighths := float64(got) * 8; eighths != math.Trunc(eighths) {
			t.Errorf("%v is no eighth", got)
		}
	}
}

// TestLevelComesFromTheExtension checks the way from the packet, the voice flag ignored, and that a muted publisher is
// not heard.
func TestLevelComesFromTheExtension(t *testing.T) {
	r := NewReceiver(ReceiverOptions{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, AudioLevelID: 3, RTCP: func([]rtcp.Packet) error { return nil },
	})
	l := newLayer(r, 0, 1)
	r.layers[0].Store(l)
	seq := uint16(0)
	speak := func() {
		for range 20 {
			seq++
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, SSRC: 1}, Payload: []byte{0xfc}}
			if err := p.SetExtension(3, []byte{0x80}); err != nil {
				t.Fatal(err)
			}
			l.handle(marshal(t, p), time.Now())
		}
	}
	speak()
	if got := r.Level.Read(); got != 0.75 {
		t.Errorf("level %v, want 0.75", got)
	}
	for range 5 {
		r.Level.Read()
	}
	r.SetMuted(true)
	speak()
	if got := r.Level.Read(); got != 0 {
		t.Errorf("a muted publisher is heard at %v", got)
	}
}
