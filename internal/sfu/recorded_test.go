package sfu

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"meet/internal/sfu/codec"
	"meet/internal/sfu/forward"
)

// recordedID is the extension id of the dependency descriptor in the recordings.
const recordedID = 12

// recordedPacket is one packet of a recording in testdata/chromium.
type recordedPacket struct {
	raw []byte
	at  time.Duration // time since the first packet
}

// recording reads the recording with that name.
func recording(t testing.TB, name string) []recordedPacket {
	t.Helper()
	f, err := os.Open("testdata/chromium/" + name + ".rtp.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var packets []recordedPacket
	for len(data) > 0 {
		size := binary.BigEndian.Uint16(data)
		at := time.Duration(binary.BigEndian.Uint32(data[2:])) * time.Millisecond
		packets = append(packets, recordedPacket{data[6 : 6+size], at})
		data = data[6+size:]
	}
	return packets
}

// layered lists the recordings with several layers in one stream, and their highest layers.
var layered = []struct {
	name              string
	spatial, temporal int
}{
	{"vp9-l1t3", 0, 2},
	{"vp9-l2t2", 1, 1},
	{"vp9-l3t3", 1, 2}, // the browser's bandwidth did not allow the third layer
	{"vp9-l3t3key", 1, 2},
	{"av1-l1t3", 0, 2},
	{"av1-l3t3", 2, 2},
	{"av1-l3t3key", 2, 2},
	{"vp8-l1t3-2", 0, 2},
}

// mimeOf returns the MIME type of a recording.
func mimeOf(recording string) string {
	name, _, _ := strings.Cut(recording, "-")
	return "video/" + name
}

// decoderCheck stands in for a subscriber's decoder. It checks that every packet sent to it is decodable.
type decoderCheck struct {
	t           *testing.T
	descriptors codec.DescriptorReader
	started     bool
	lastSeq     uint16
	lastStamp   uint32
	ended       bool            // the picture with lastStamp is complete
	shown       uint8           // spatial layer of the last packet
	frames      map[uint16]bool // received frame numbers
	pictures    int
	spatial     int               // highest layer so far
	rates       [MaxTemporals]int // number of pictures of each temporal layer
	last        codec.Frame
}

// newDecoderCheck returns a decoderCheck that expects a key frame.
func newDecoderCheck(t *testing.T) *decoderCheck {
	return &decoderCheck{t: t, frames: map[uint16]bool{}}
}

// receive checks packets in the order in which they were sent.
func (v *decoderCheck) receive(packets []written) {
	v.t.Helper()
	for _, p := range packets {
		if v.started && p.SequenceNumber != v.lastSeq+1 {
			v.t.Errorf("packet %d follows %d", p.SequenceNumber, v.lastSeq)
		}
		v.lastSeq = p.SequenceNumber
		var info codec.Info
		ext := p.GetExtension(descriptorDown)
		if err := v.descriptors.Read(ext, &info); err != nil {
			v.t.Fatalf("packet %d: descriptor % x: %v", p.SequenceNumber, ext, err)
		}
		v.check(&p, &info)
		v.started = true
	}
}

// check checks one packet. info is its parsed descriptor.
func (v *decoderCheck) check(p *written, info *codec.Info) {
	v.t.Helper()
	f := &info.Frame
	if !v.started && !info.KeyFrame {
		v.t.Errorf("the first frame, %d, is no key frame", f.Number)
	}
	for _, diff := range f.Dependencies() {
		if !v.frames[f.Number-diff] {
			v.t.Errorf("frame %d of S%dT%d needs %d, which was not sent", f.Number, info.Spatial, info.Temporal, f.Number-diff)
		}
	}
	v.frames[f.Number] = true
	if p.Timestamp != v.lastStamp || !v.started {
		if v.started && !v.ended {
			v.t.Errorf("packet %d starts a picture, but the one at %d had no marker", p.SequenceNumber, v.lastStamp)
		}
		v.pictures++
		v.rates[info.Temporal]++
		v.lastStamp = p.Timestamp
	} else if v.ended && info.Spatial <= v.shown { // a layer that starts within a picture is allowed
		v.t.Errorf("packet %d follows the marker of its picture", p.SequenceNumber)
	}
	v.ended, v.shown = p.Marker, info.Spatial
	v.spatial = max(v.spatial, int(info.Spatial))
	v.last = *f
}

// playRecording sends a recording to a DownTrack. It calls act before each packet.
func playRecording(t *testing.T, name string, packets []recordedPacket, act func(g *fixture, i int, v *decoderCheck)) (*fixture, *decoderCheck) {
	t.Helper()
	g := newFixtureWith(t, fixtureOptions{mime: mimeOf(name), layers: 1, rtx: true, descriptor: recordedID})
	g.r.layer(0).ssrc = ssrcOf(packets[0].raw)
	v, begin := newDecoderCheck(t), g.now
	for i, p := range packets {
		g.now = begin.Add(p.at)
		act(g, i, v)
		g.r.layer(0).handle(p.raw, g.now)
		v.receive(g.out.take())
	}
	return g, v
}

func TestSVCStreamIsForwardedUpToEachAllowedLayer(t *testing.T) {
	for _, tt := range layered {
		packets := recording(t, tt.name)
		full := 0
		for spatial := tt.spatial; spatial >= 0; spatial-- {
			for temporal := tt.temporal; temporal >= 0; temporal-- {
				t.Run(fmt.Sprintf("%s/S%dT%d", tt.name, spatial, temporal), func(t *testing.T) {
					g, v := playRecording(t, tt.name, packets, func(g *fixture, i int, _ *decoderCheck) {
						if i == 0 {
							g.d.SetAllowed(spatial, temporal)
						}
					})
					if v.spatial != spatial {
						t.Errorf("spatial layer %d was sent, want %d", v.spatial, spatial)
					}
					if full == 0 {
						full = v.pictures
					}
					want := full >> (tt.temporal - temporal) // each temporal layer doubles the rate
					if v.pictures < want-2 || v.pictures > want+4 {
						t.Errorf("%d pictures of %d, want about %d", v.pictures, full, want)
					}
					if s, te := g.d.Current(); s != spatial || te != temporal {
						t.Errorf("S%dT%d is said to be forwarded", s, te)
					}
					for target := range v.last.Structure.Targets {
						s, te := v.last.Structure.Layers(target)
						if active := v.last.ActiveTargets&(1<<target) != 0; active != (s <= spatial && te <= temporal) {
							t.Errorf("decode target %d, S%dT%d, is said to be active: %v", target, s, te, active)
						}
					}
				})
			}
		}
	}
}

// The allowed layers change every few packets.
func TestSVCStreamStaysDecodableWhenAllowedLayersChange(t *testing.T) {
	for _, tt := range layered {
		t.Run(tt.name, func(t *testing.T) {
			packets := recording(t, tt.name)
			for seed := range uint64(40) {
				random := rand.New(rand.NewPCG(seed, 0))
				allowed := forward.Target{Spatial: 2, Temporal: 2}
				_, v := playRecording(t, tt.name, packets, func(g *fixture, _ int, v *decoderCheck) {
					if random.IntN(8) == 0 {
						allowed = forward.Target{Spatial: random.IntN(3), Temporal: random.IntN(3)}
						g.d.SetAllowed(allowed.Spatial, allowed.Temporal)
					}
				})
				if v.pictures == 0 {
					t.Error("nothing was forwarded")
				}
			}
		})
	}
}

// After the change, the next frame must belong to the lowest temporal layer.
func TestSVCStreamDropsToLowestTemporalLayerImmediately(t *testing.T) {
	for _, tt := range layered {
		t.Run(tt.name, func(t *testing.T) {
			packets := recording(t, tt.name)
			var before, after [MaxTemporals]int
			_, v := playRecording(t, tt.name, packets, func(g *fixture, i int, v *decoderCheck) {
				switch i {
				case len(packets) / 3:
					g.d.SetAllowed(2, 0)
					before = v.rates
				case len(packets) / 2:
					after = v.rates
					g.d.SetAllowed(2, 2)
				}
			})
			before[0], after[0] = 0, 0
			if before[1] == 0 || v.rates[1] <= after[1] {
				t.Errorf("pictures of each temporal layer: %v, %v and %v", before, after, v.rates)
			}
			if after[1]+after[2] > before[1]+before[2]+1 { // the current picture may still be completed
				t.Errorf("pictures of each temporal layer went from %v to %v while only the lowest was allowed", before, after)
			}
		})
	}
}

// ssrcOf returns the SSRC of a raw RTP packet.
func ssrcOf(raw []byte) uint32 { return binary.BigEndian.Uint32(raw[8:]) }

// paddingBefore returns an empty packet with the sequence number before that of raw.
func paddingBefore(t *testing.T, raw []byte) []byte {
	t.Helper()
	return marshal(t, &rtp.Packet{Header: rtp.Header{
		Version: 2, SequenceNumber: binary.BigEndian.Uint16(raw[2:]) - 1, SSRC: ssrcOf(raw), Padding: true, PaddingSize: 1,
	}})
}

// Every packet is requested again, and must have the same descriptor as when it was first sent.
func TestRetransmissionRepeatsRewrittenDependencyDescriptor(t *testing.T) {
	const name = "vp9-l2t2"
	var sent []written
	packets := recording(t, name)
	g := newFixtureWith(t, fixtureOptions{mime: mimeOf(name), layers: 1, rtx: true, descriptor: recordedID})
	g.r.layer(0).ssrc = ssrcOf(packets[0].raw)
	for i, p := range packets {
		g.d.SetAllowed(1, i/20%2)
		g.r.layer(0).handle(p.raw, g.now.Add(p.at))
		sent = append(sent, g.out.take()...)
	}
	masks := 0
	for _, was := range sent {
		g.d.handleRTCP(nackOf(downSSRC, was.SequenceNumber), g.now)
		again := g.out.take()
		if len(again) != 1 || !bytes.Equal(again[0].GetExtension(descriptorDown), was.GetExtension(descriptorDown)) || again[0].Marker != was.Marker {
			t.Fatalf("packet %d, % x, was retransmitted as %+v", was.SequenceNumber, was.GetExtension(descriptorDown), again)
		}
		if ext := was.GetExtension(descriptorDown); len(ext) > 3 && ext[3]&0x40 != 0 {
			masks++
		}
	}
	if masks == 0 {
		t.Error("no packet has a mask of active decode targets")
	}
}
