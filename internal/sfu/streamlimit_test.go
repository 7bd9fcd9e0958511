package sfu

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
)

// A client may open streamBurst streams, and streamRate more per second. Feedback about streams that it receives does
// not count.
func TestRateAndNumberOfNewStreamsOfAConnectionAreLimited(t *testing.T) {
	ended := 0
	l := newStreamLimit(func() { ended++ })
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range streamBurst {
		if !l.admit(now) {
			t.Fatalf("stream %d of the first %d is rejected", i, streamBurst)
		}
	}
	if now = now.Add(time.Second); !l.admit(now) {
		t.Error("one more a second later is rejected")
	}
	for range 2 * streamRate {
		l.admit(now)
	}
	if now = now.Add(time.Hour); l.admit(now) || ended != 1 {
		t.Errorf("after the limit was exceeded, onOverflow was called %d times", ended)
	}

	slow := newStreamLimit(nil)
	count := 0
	for slow.admit(now) {
		now = now.Add(time.Second)
		count++
	}
	if count != maxStreams {
		t.Errorf("%d streams in total", count)
	}
}

func TestPacketsOfStreamsBeyondTheLimitAreDiscarded(t *testing.T) {
	tap := NewTap(1, nil)
	tap.BindLocalStream(&interceptor.StreamInfo{SSRC: 7, SSRCRetransmission: 8}, nil)
	for ssrc := range uint32(2 * streamBurst) {
		tap.Buffer(packetio.RTPBufferPacket, 100+ssrc)
	}
	b := tap.Buffer(packetio.RTPBufferPacket, 50)
	if _, kept := b.(*sharedBuffer); kept {
		t.Error("a stream beyond the limit is buffered")
	}
	if n, err := b.Write([]byte("packet")); n != 6 || err != nil {
		t.Errorf("a write to it returns %d, %v", n, err)
	}
	if _, err := b.Read(make([]byte, 10)); !errors.Is(err, io.EOF) {
		t.Errorf("a read from it returns %v", err)
	}
	for _, ssrc := range []uint32{7, 8} {
		if _, kept := tap.Buffer(packetio.RTCPBufferPacket, ssrc).(*rtcpBuffer); !kept {
			t.Errorf("feedback about our stream %d is rejected", ssrc)
		}
	}
	tap.UnbindLocalStream(&interceptor.StreamInfo{SSRC: 7, SSRCRetransmission: 8})
	if !tap.sentTracks.isSent(7) || !tap.sentTracks.isSent(8) {
		t.Error("late feedback about our stream is rejected")
	}
	for ssrc := range uint32(maxRetired) {
		tap.UnbindLocalStream(&interceptor.StreamInfo{SSRC: 1000 + 2*ssrc, SSRCRetransmission: 1001 + 2*ssrc})
	}
	if tap.sentTracks.isSent(7) || len(tap.sentTracks.retired) > maxRetired || len(tap.sentTracks.ownSSRCs) > maxRetired {
		t.Errorf("%d SSRCs are stored", len(tap.sentTracks.ownSSRCs))
	}
}

// The bound applies to all streams of a connection together.
func TestUnreadPacketBytesOfAConnectionAreBounded(t *testing.T) {
	tap := NewTap(1, nil)
	packet := make([]byte, 1200)
	var buffers []io.ReadWriteCloser
	taken := 0
	for ssrc := range uint32(100) {
		b := tap.Buffer(packetio.RTPBufferPacket, ssrc)
		buffers = append(buffers, b)
		for range 100 {
			if _, err := b.Write(packet); err == nil {
				taken += len(packet)
			} else if !errors.Is(err, packetio.ErrFull) {
				t.Fatal(err)
			}
		}
	}
	if most := maxUnread + len(buffers)*(freeUnread+len(packet)); taken > most || taken < maxUnread/2 {
		t.Errorf("%d bytes are buffered, of %d allowed", taken, most)
	}
	// Streams that are read are not affected by those that are not.
	read := tap.Buffer(packetio.RTPBufferPacket, 1000)
	buffers = append(buffers, read)
	for range 1000 {
		if _, err := read.Write(packet); err != nil {
			t.Fatalf("writing a packet to a stream that is read: %v", err)
		}
		if _, err := read.Read(make([]byte, 1500)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := buffers[0].Read(make([]byte, 100)); n != 100 || !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("a short read returns %d, %v", n, err)
	}
	if _, err := buffers[0].Read(make([]byte, 1500)); err != nil {
		t.Error(err)
	}
	for _, b := range buffers {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		_, _ = b.Read(make([]byte, 1500)) // packets may still be read after Close
	}
	if n := tap.rtp.bytes.Load(); n != 0 {
		t.Errorf("%d bytes count as unread in the end", n)
	}
}

func TestSenderReportsArriveDespiteUnreadRTCPOfOtherStreams(t *testing.T) {
	tap := NewTap(1, nil)
	marshal := func(p rtcp.Packet) []byte {
		t.Helper()
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for ssrc := range uint32(20) {
		b := tap.Buffer(packetio.RTCPBufferPacket, 100+ssrc)
		for range 1000 {
			_, _ = b.Write(marshal(&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
				Source: 100 + ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "a name of some length"}},
			}}}))
			_, _ = b.Write(marshal(&rtcp.SenderReport{SSRC: 100 + ssrc}))
		}
	}
	report := marshal(&rtcp.SenderReport{SSRC: 7})
	b := tap.Buffer(packetio.RTCPBufferPacket, 7)
	if _, err := b.Write(report); err != nil {
		t.Errorf("a sender report is dropped: %v", err)
	}
	got := make([]byte, 100)
	if n, err := b.Read(got); err != nil || !bytes.Equal(got[:n], report) {
		t.Errorf("read % x, %v", got[:n], err)
	}
}
