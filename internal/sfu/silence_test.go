package sfu

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const opusType = 111

// newAudioTrack returns a layer with audio of type mime, and a started DownTrack to a subscriber with the given codecs.
func newAudioTrack(t *testing.T, mime string, codecs []webrtc.RTPCodecParameters, trailer []byte) (*layer, *DownTrack, *stubWriter) {
	t.Helper()
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: mime, ClockRate: 48000}})
	r.layers[0].Store(testLayer(r, 0, 7, nil))
	d := NewDownTrack(r, DownTrackOptions{Tap: NewTap(1, nil), OnBound: func(error) {}, Trailer: trailer})
	if _, err := d.Bind(&boundContext{codecs: codecs}); err != nil {
		t.Fatal(err)
	}
	out := &stubWriter{}
	d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, out)
	d.Start()
	t.Cleanup(d.Stop)
	t.Cleanup(r.Close)
	return r.layer(0), d, out
}

// opusPacket returns an RTP packet with the given payload.
func opusPacket(t *testing.T, seq uint16, ts uint32, payload ...byte) []byte {
	t.Helper()
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: 7}, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// When audio is muted, subscribers must get 50 packets of silence of 20 ms each. When the mute ends, sequence numbers
// must continue without a gap.
func TestMuteSendsASecondOfSilence(t *testing.T) {
	opus, red := codecOf(webrtc.MimeTypeOpus, opusType, ""), codecOf("audio/red", 63, "111/111")
	for _, tt := range []struct {
		name, mime string
		codecs     []webrtc.RTPCodecParameters
		payload    []byte // from the publisher
		trailer    string
		want       []byte
	}{
		{"opus", webrtc.MimeTypeOpus, []webrtc.RTPCodecParameters{opus}, []byte{1, 2, 3}, "", opusSilence},
		{"encrypted", webrtc.MimeTypeOpus, []webrtc.RTPCodecParameters{opus}, []byte{1, 2, 3}, "the end", append(bytes.Clone(opusSilence), "the end"...)},
		{"RED", "audio/red", []webrtc.RTPCodecParameters{red, opus}, []byte{opusType, 1, 2, 3}, "", append([]byte{opusType}, opusSilence...)},
		{"RED unpacked", "audio/red", []webrtc.RTPCodecParameters{opus}, []byte{opusType, 1, 2, 3}, "", opusSilence},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, out := newAudioTrack(t, tt.mime, tt.codecs, []byte(tt.trailer))
				l.handle(opusPacket(t, 100, 1000, tt.payload...), time.Now())
				out.take()
				l.r.SetMuted(true)
				time.Sleep(2 * time.Second) // of virtual time; the silence has ended
				silence := out.take()
				if len(silence) != silencePackets {
					t.Fatalf("%d packets, want %d", len(silence), silencePackets)
				}
				for i, p := range silence {
					if p.SequenceNumber != uint16(101+i) || p.Timestamp != 1000+960*uint32(i+1) || !bytes.Equal(p.payload, tt.want) {
						t.Fatalf("packet %d of the silence is %d at %d with % x", i, p.SequenceNumber, p.Timestamp, p.payload)
					}
				}
				l.handle(opusPacket(t, 101, 1960, tt.payload...), time.Now()) // a packet during the mute
				if got := out.take(); got != nil {
					t.Errorf("%d packets of a muted track were sent", len(got))
				}
				l.r.SetMuted(false)
				l.handle(opusPacket(t, 102, 1000+100*960, tt.payload...), time.Now())
				if got := out.take(); len(got) != 1 || got[0].SequenceNumber != 101+silencePackets || got[0].Timestamp != 1000+100*960 {
					t.Errorf("continues with %v", got)
				}
			})
		})
	}
}

// A track that has sent nothing before the mute gets no silence.
func TestSilencePacketsStopOnUnmute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, out := newAudioTrack(t, webrtc.MimeTypeOpus, []webrtc.RTPCodecParameters{codecOf(webrtc.MimeTypeOpus, opusType, "")}, nil)
		l.r.SetMuted(true)
		time.Sleep(2 * time.Second)
		if got := out.take(); got != nil {
			t.Errorf("%d packets of silence after nothing", len(got))
		}
		l.r.SetMuted(false)
		l.handle(opusPacket(t, 1, 0, 1), time.Now())
		l.r.SetMuted(true)
		time.Sleep(90 * time.Millisecond)
		l.r.SetMuted(false)
		synctest.Wait()
		if got := out.take(); len(got) != 1+5 {
			t.Errorf("%d packets, want 1 and 5 of silence", len(got))
		}
		time.Sleep(time.Second)
		if got := out.take(); got != nil {
			t.Errorf("%d packets of silence after the mute", len(got))
		}
	})
}

func TestSendBlackFramesSendsVP8(t *testing.T) {
	g := newFixture(t, 1, false)
	g.d.SendBlackFrames()
	if got := g.out.take(); got != nil {
		t.Errorf("%d black frames although nothing was sent before", len(got))
	}
	g.receive(0, vp8Packet{seq: 10, ts: 1000, id: 5, tl0: 3, keyIdx: 1, key: true})
	g.d.options.Trailer = []byte("the end")
	g.d.SendBlackFrames()
	got := g.out.take()
	if len(got) != 1+blackFrames {
		t.Fatalf("%d packets, want 1 and %d", len(got), blackFrames)
	}
	for i, want := range describe(t, got[1:]) {
		p := got[1+i]
		if want.seq != uint16(11+i) || want.ts != 1000+3000*uint32(i+1) || want.picture != uint16(6+i) || want.tl0 != uint8(4+i) || want.keyIdx != uint8(2+i) || !p.Marker {
			t.Errorf("picture %d is %+v", i, want)
		}
		if !bytes.Equal(p.payload[6:], append(bytes.Clone(vp8BlackFrame), "the end"...)) {
			t.Errorf("picture %d is % x", i, p.payload)
		}
	}
}

// The track leaves the connection immediately after the black frames, and its queue is dropped. Black frames in the
// queue would be lost.
func TestSendBlackFramesBypassesThePacersQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		g.receiveREMB(100_000)
		g.d.SetAllowed(2, 3)
		g.sendLayers(100 * time.Millisecond)
		if g.d.options.Tap.PacerStats().Queued == 0 {
			t.Fatal("no packet is queued")
		}
		g.out.take()
		g.d.SendBlackFrames()
		if got := len(g.out.take()); got != blackFrames {
			t.Errorf("%d black frames were sent, want %d", got, blackFrames)
		}
	})
}

func TestSendBlackFramesSendsH264(t *testing.T) {
	g, l := newBackupFixture(t)
	if !g.d.SwitchReceiver(l.r, "") {
		t.Fatal("SwitchReceiver refuses H264")
	}
	l.handle(h264Packet(t, 1, 0, true), g.now)
	g.out.take()
	g.d.SendBlackFrames()
	got := g.out.take()
	if len(got) != blackFrames {
		t.Fatalf("%d packets, want %d", len(got), blackFrames)
	}
	if p := got[0].payload; p[0] != 0x78 || p[2] != 24 || !bytes.Equal(p[3:27], h264BlackFrame[0]) || len(p) != 1+2+24+2+6+2+10 {
		t.Errorf("the picture is % x", p)
	}
}

// The publisher's first packet must continue the sequence numbers of the padding.
func TestSendWakeupPaddingSendsOnlyBeforeFirstPacket(t *testing.T) {
	g := newFixture(t, 1, false)
	if first, second := g.d.SendWakeupPadding(), g.d.SendWakeupPadding(); !first || !second {
		t.Fatal("SendWakeupPadding returns false before the first packet")
	}
	got := g.out.take()
	if len(got) != 2 || !got[0].Padding || len(got[0].payload) != 0 || got[1].SequenceNumber != got[0].SequenceNumber+1 {
		t.Fatalf("sent %v", got)
	}
	g.receive(0, vp8Packet{seq: 10, ts: 1000, id: 5, key: true})
	if after := g.out.take(); len(after) != 1 || after[0].SequenceNumber != got[1].SequenceNumber+1 || int32(after[0].Timestamp-got[1].Timestamp) <= 0 {
		t.Errorf("continues with %v", after)
	}
	if g.d.SendWakeupPadding() {
		t.Error("SendWakeupPadding returns true after the first packet")
	}
}
