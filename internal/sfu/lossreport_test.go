package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// A publisher of video gets only the loss on its own path. If it got the loss of its subscribers, it would lower its
// bitrate for all of them.
func TestAudioPublisherGetsTheHighestLossOfItsSubscribers(t *testing.T) {
	codecs := []webrtc.RTPCodecParameters{codecOf(webrtc.MimeTypeOpus, opusType, "")}
	l, d, _ := newAudioTrack(t, webrtc.MimeTypeOpus, codecs, nil)
	other := NewDownTrack(l.r, DownTrackOptions{Tap: NewTap(1, nil), OnBound: func(error) {}})
	if _, err := other.Bind(&boundContext{codecs: codecs}); err != nil {
		t.Fatal(err)
	}
	other.Start()
	t.Cleanup(other.Stop)
	now := time.Now()
	l.handle(opusPacket(t, 1, 0, 1), now)
	reported := func(now time.Time) uint8 {
		t.Helper()
		rr := l.r.receptionReports(now)
		if len(rr) != 1 || rr[0].TotalLost != 0 {
			t.Fatalf("reports %+v, want one that counts no loss", rr)
		}
		return rr[0].FractionLost
	}
	for d, fraction := range map[*DownTrack]uint8{d: 20, other: 50} {
		d.handleRTCP(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: downSSRC, FractionLost: fraction}}}, now)
	}
	if got := reported(now); got != 50 {
		t.Errorf("reported %d, want 50", got)
	}
	other.Stop()
	if got := reported(now.Add(time.Second)); got != 20 {
		t.Errorf("reported %d after the subscriber with more loss has left, want 20", got)
	}
	if got := reported(now.Add(lossMemory + time.Second)); got != 0 {
		t.Errorf("reported %d long after, want 0", got)
	}

	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.d.handleRTCP(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: downSSRC, FractionLost: 99}}}, g.now)
	if rr := g.r.receptionReports(g.now); rr[0].FractionLost != 0 {
		t.Errorf("reported %d of video", rr[0].FractionLost)
	}
}

// With DTX, timestamps skip the silence but sequence numbers do not.
func TestDiscontinuousTransmissionIsNotReportedAsLoss(t *testing.T) {
	l, _, out := newAudioTrack(t, webrtc.MimeTypeOpus, []webrtc.RTPCodecParameters{codecOf(webrtc.MimeTypeOpus, opusType, "")}, nil)
	now := time.Now()
	seq, ts := uint16(65530), uint32(1<<32-5*960)
	for range 20 {
		for range 5 {
			l.handle(opusPacket(t, seq, ts, 1, 2, 3), now)
			seq, ts, now = seq+1, ts+960, now.Add(20*time.Millisecond)
		}
		ts, now = ts+19200, now.Add(400*time.Millisecond) // only one packet in 400 ms
	}
	if s := l.r.Stats(); s.Lost != 0 || s.Packets != 100 {
		t.Errorf("%+v", s)
	}
	if rr := l.r.receptionReports(now); rr[0].FractionLost != 0 || rr[0].TotalLost != 0 || rr[0].Jitter != 0 {
		t.Errorf("reported %+v", rr[0])
	}
	got := out.take()
	for i, p := range got[1:] {
		step := uint32(960)
		if i%5 == 4 {
			step += 19200
		}
		if p.SequenceNumber != got[i].SequenceNumber+1 || p.Timestamp-got[i].Timestamp != step {
			t.Fatalf("packet %d is %d at %d after %d at %d", i+1, p.SequenceNumber, p.Timestamp, got[i].SequenceNumber, got[i].Timestamp)
		}
	}
	if len(got) != 100 {
		t.Errorf("%d packets were sent", len(got))
	}
}
