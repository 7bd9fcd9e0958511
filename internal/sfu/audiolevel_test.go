package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// observe records n packets of 20 ms.
func observe(a *AudioLevel, n int, level uint8) {
	for range n {
		a.Observe(level, a.lastTimestamp.Load()+960, 48000)
	}
}

func TestAudioLevelDependsOnShareOfTimeWithSpeech(t *testing.T) {
	tests := []struct {
		name          string
		sound, silent int   // number of packets in the interval
		level         uint8 // of the packets with speech
		want          float32
	}{
		{"no packets", 0, 0, 0, 0},
		{"silence", 0, 20, 0, 0},
		{"full loudness in the first interval is smoothed", 20, 0, 0, 0.75}, // 2/3, rounded up to a multiple of 1/8
		{"the minimum share of speech", 8, 12, 0, 0.375},                    // 0.4·2/3
		{"less than the minimum share of speech", 7, 13, 0, 0},
		{"share of the time, not of the packets, with discontinuous transmission", 5, 1, 0, 0},
		{"quiet speech", 20, 0, 30, 0.125},
		{"the quietest level that counts as speech, smoothed to less", 20, 0, activeLevel, 0}, // two thirds of it
		{"below the level of speech", 20, 0, activeLevel + 1, 0},
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

func TestAudioLevelIsSmoothedOverIntervals(t *testing.T) {
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
	for i, want := range []float32{1, 0} { // packets may be late for one interval, not for two
		if got := a.Read(); got != want {
			t.Errorf("interval %d without packets: %v, want %v", i, got, want)
		}
	}
	observe(&a, 20, 0)
	a.Read()
	observe(&a, 20, 6)
	if got := a.Read(); got != 0.625 { // 2/3 + (0.501 − 2/3)·2/3 = 0.556
		t.Errorf("quieter: %v, want 0.625", got)
	}
	observe(&a, 20, silence)
	if got := a.Read(); got != 0 {
		t.Errorf("an interval of silence: %v, want 0", got)
	}
}

// The position of the loudest packet in the interval does not matter. Packets count by their duration.
func TestAudioLevelIsThatOfTheLoudestPacket(t *testing.T) {
	for name, levels := range map[string][]uint8{"first": {6, 20, 30}, "in the middle": {20, 6, 30}, "last": {30, 20, 6}} {
		var a AudioLevel
		for i, level := range levels {
			a.Observe(level, uint32(i+1)*5760, 48000) // 120 ms each
		}
		observe(&a, 2, 30) // 400 ms in total
		if got := a.Read(); got != 0.375 {
			t.Errorf("%s: level %v, want 0.375", name, got)
		}
	}
	var a AudioLevel
	for i := range uint32(4) { // packets after long gaps count with the usual duration
		a.Observe(0, 1_000_000+i*480_000, 48000)
	}
	if got := a.Read(); got != 0 {
		t.Errorf("four packets far apart read %v", got)
	}
}

// The voice activity flag is ignored, and packets of a muted publisher do not count.
func TestAudioLevelIsReadFromTheRTPHeaderExtension(t *testing.T) {
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, AudioLevelID: 3}})
	l := testLayer(r, 0, 1, nil)
	r.layers[0].Store(l)
	seq := uint16(0)
	speak := func() {
		for range 20 {
			seq++
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960, SSRC: 1}, Payload: []byte{0xfc}}
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
	defer r.Close() // ends the silence after the mute
	r.SetMuted(true)
	speak()
	if got := r.Level.Read(); got != 0 {
		t.Errorf("the level of a muted publisher is %v", got)
	}
}
