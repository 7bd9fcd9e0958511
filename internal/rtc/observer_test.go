package rtc

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// cameraRequest returns a request that announces a camera with three layers of VP8 and a backup in H264.
func cameraRequest() *livekit.SignalRequest {
	req := addTrack("v", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA)
	req.GetAddTrack().Layers = []*livekit.VideoLayer{
		{Quality: livekit.VideoQuality_LOW, Width: 320, Height: 180},
		{Quality: livekit.VideoQuality_MEDIUM, Width: 640, Height: 360},
		{Quality: livekit.VideoQuality_HIGH, Width: 1280, Height: 720},
	}
	req.GetAddTrack().SimulcastCodecs = []*livekit.SimulcastCodec{{Codec: "vp8", Cid: "v"}, {Codec: "h264", Cid: "v-h264"}}
	return req
}

// The test records the camera of a single participant through mute, change of layer, reconnection, change of codec and
// end.
func TestRecorderFollowsTrackThroughMuteReconnectAndCodecChange(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	cam := newLayeredCamera(ada)
	ada.send(cameraRequest())
	sid := ada.publishedSID("v")
	primary := cam.publish(webrtc.MimeTypeVP8, "v", "q", "h", "f")
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })

	rec := newRecorder()
	detach, err := h.Observe(t.Context(), "room", rec)
	if err != nil {
		t.Fatal(err)
	}
	defer detach()
	detached := &eventRecorder{newRecorder()}
	detachSecond, err := h.Observe(t.Context(), "room", detached)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second observer is notified", func() bool { return len(detached.eventLog()) == 1 })
	detachSecond()
	detachSecond()
	const vp8, h264 = "video/vp8", "video/h264"
	rec.waitForPackets(t, 0, vp8, 2)
	rec.waitForClock(t, vp8)

	// Layers without viewers are switched off when the track is unmuted. Only the recorder keeps its layer on.
	ada.mute(sid, true)
	eventually(t, "the mute is reported", func() bool {
		return slices.Contains(rec.eventLog(), "muted") && slices.Contains(rec.eventLog(), "TrackMuted ada")
	})
	n := rec.count()
	<-time.After(100 * time.Millisecond) // the camera still sends
	if got := rec.count(); got != n {
		t.Errorf("%d packets came during the mute", got-n)
	}
	ada.mute(sid, false)
	rec.waitForPackets(t, n, vp8, 2)
	eventually(t, "the best layer stays on", func() bool { got, sent := ada.qualities("vp8"); return sent && got == "LMH" })

	n = rec.count()
	rec.setLayer(0)
	rec.waitForPackets(t, n, vp8, 0)
	ada.mute(sid, true)
	ada.mute(sid, false)
	eventually(t, "the lowest layer is enough", func() bool { got, _ := ada.qualities("vp8"); return got == "L" })
	rec.setLayer(2)
	eventually(t, "the best layer is on again", func() bool { got, _ := ada.qualities("vp8"); return got == "LMH" })
	rec.waitForPackets(t, rec.count(), vp8, 2)

	h.reconnect(ada)
	rec.waitForPackets(t, rec.count(), vp8, 2)

	cam.publish(webrtc.MimeTypeH264, "v-h264", "")
	eventually(t, "the second codec is reported", func() bool { return slices.Contains(rec.eventLog(), "codecs video/vp8,video/h264 ada") })
	if got, _ := ada.qualities("h264"); got != "" {
		t.Errorf("the codec that is not recorded is requested: %s", got)
	}
	if err := ada.pc.RemoveTrack(primary); err != nil {
		t.Fatal(err)
	}
	ada.negotiate()
	rec.waitForPackets(t, 0, h264, 0)
	rec.waitForClock(t, h264)
	if err := h.Remove(t.Context(), "room", "ada", longAgo); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the room is reported", func() bool { return slices.Contains(rec.eventLog(), "room ended") })

	if got := detached.eventLog(); !slices.Equal(got, []string{"published ada"}) {
		t.Errorf("the detached observer got %q", got)
	}
	checkRecording(t, rec.since(0))
	want := []string{
		"published ada", "muted", "TrackMuted ada", "unmuted", "TrackUnmuted ada",
		"muted", "TrackMuted ada", "unmuted", "TrackUnmuted ada",
		"codecs video/vp8,video/h264 ada", "codecs video/h264 ada", "ended video/vp8", "unpublished ada", "ended video/h264", "room ended",
	}
	if got := rec.eventLog(); !sameEvents(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// sameEvents reports whether two lists of events are equal, except for the position of "ended" events, which a Receiver
// reports on its own goroutine.
func sameEvents(got, want []string) bool {
	ends := func(s string) bool { return strings.HasPrefix(s, "ended") }
	for _, end := range slices.DeleteFunc(slices.Clone(want), func(s string) bool { return !ends(s) }) {
		if !slices.Contains(got, end) {
			return false
		}
	}
	return slices.Equal(slices.DeleteFunc(slices.Clone(got), ends), slices.DeleteFunc(slices.Clone(want), ends))
}

// checkRecording checks that each stream begins with a key frame, that sequence numbers and times only grow, and that
// the times are within 1 s of the sending times.
func checkRecording(t *testing.T, all []writtenPacket) {
	t.Helper()
	var last writtenPacket
	gaps := 0
	for i, p := range all {
		if p.ssrc != last.ssrc && !p.key {
			t.Errorf("packet %d begins layer %d of %s without a key frame", i, p.layer, p.mime)
		}
		if p.ssrc == last.ssrc && int16(p.seq-last.seq) <= 0 {
			t.Errorf("packet %d, number %d, follows %d", i, p.seq, last.seq)
		}
		if p.ssrc == last.ssrc && p.seq != last.seq+1 && !p.key {
			gaps++ // mutes cause no gaps, because they end with a key frame
		}
		if off := p.at.Sub(p.sent); !p.at.IsZero() && off.Abs() > time.Second {
			t.Errorf("packet %d is dated off by %v", i, off)
		}
		if p.mime == last.mime && p.at.Before(last.at) {
			t.Errorf("packet %d has the time %v, the previous one %v", i, p.at, last.at)
		}
		last = p
	}
	if gaps > len(all)/10 {
		t.Errorf("too many gaps: of %d packets, %d follow a gap", len(all), gaps)
	}
}

// The demand that the publisher is sent includes the layers that are recorded in another room. After the participant
// has moved, the recorders of all rooms have seen the same Receiver.
func TestTrackOfAForwardedThenMovedParticipantKeepsItsReceiver(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	cam := newLayeredCamera(ada)
	ada.send(cameraRequest())
	sid := ada.publishedSID("v")
	cam.publish(webrtc.MimeTypeVP8, "v", "q", "h", "f")
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	ada.inspect(func(p *Participant) { p.activate() })
	for _, room := range []string{"shown", "moved"} { // keep the rooms open
		req := request("bo")
		req.Room, req.AutoSubscribe = room, false
		h.join(req)
	}
	recorders := map[string]*recorder{}
	for _, room := range []string{"room", "shown", "moved"} {
		recorders[room] = newRecorder()
		var o Observer = recorders[room]
		if room == "room" {
			o = &eventRecorder{recorders[room]}
		}
		if _, err := h.Observe(t.Context(), room, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Forward(t.Context(), "room", "ada", "shown"); err != nil {
		t.Fatal(err)
	}
	recorders["shown"].waitForPackets(t, 0, "video/vp8", 2)
	ada.mute(sid, true)
	ada.mute(sid, false)
	eventually(t, "the layer recorded in the other room is requested", func() bool { got, sent := ada.qualities("vp8"); return sent && got == "LMH" })
	recorders["shown"].setLayer(0)
	ada.mute(sid, true)
	ada.mute(sid, false)
	eventually(t, "only that layer is requested", func() bool { got, _ := ada.qualities("vp8"); return got == "L" })

	if err := h.Move(t.Context(), "room", "ada", "moved"); err != nil {
		t.Fatal(err)
	}
	recorders["moved"].waitForPackets(t, 0, "video/vp8", 2)
	eventually(t, "the track has left the other rooms", func() bool {
		return slices.Contains(recorders["room"].eventLog(), "unpublished ada") && slices.Contains(recorders["shown"].eventLog(), "unpublished ada")
	})
	eventually(t, "all layers are requested in the new room", func() bool { got, _ := ada.qualities("vp8"); return got == "LMH" })
	of := func(room string) *sfu.Receiver { return recorders[room].tracks[0].Codecs[0].Receiver }
	if of("room") != of("shown") || of("room") != of("moved") {
		t.Error("the rooms have different Receivers")
	}
	if _, err := h.Observe(t.Context(), "nowhere", newRecorder()); err == nil {
		t.Error("observing an unknown room succeeded")
	}
}

// panickingObserver panics when it is notified of a track.
type panickingObserver struct{ *recorder }

func (o *panickingObserver) TrackPublished(t ObservedTrack) {
	o.note("published", t)
	panic("a mistake")
}

// The other observers and the room continue.
func TestPanickingObserverIsDetached(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	panics, other := &panickingObserver{newRecorder()}, &eventRecorder{newRecorder()}
	for _, o := range []Observer{panics, other} {
		if _, err := h.Observe(t.Context(), "room", o); err != nil {
			t.Fatal(err)
		}
	}
	pub := ada.publishWithoutMedia(livekit.TrackType_AUDIO)
	ada.inspect(func(p *Participant) { p.room.unpublish(pub) })
	ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	eventually(t, "the other observer is notified of both tracks", func() bool {
		return slices.Equal(other.eventLog(), []string{"published ada", "unpublished ada", "published ada"})
	})
	if got := panics.eventLog(); !slices.Equal(got, []string{"published ada"}) {
		t.Errorf("the observer that panicked was notified of %q", got)
	}
	if !h.Present(t.Context(), "room", "ada") {
		t.Error("the room has ended")
	}
}

// The observers are notified even if the panic happens in flushDirty, the function that usually notifies them.
func TestObserversAreNotifiedWhenPanicEndsRoom(t *testing.T) {
	for name, fail := range map[string]func(r *Room){
		"in a closure on the loop": func(*Room) { panic("test") },
		"in flushDirty":            func(r *Room) { r.dirtyTransports[nil] = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			ada := h.join(request("ada"))
			ada.publishWithoutMedia(livekit.TrackType_AUDIO)
			o := &eventRecorder{newRecorder()}
			if _, err := h.Observe(t.Context(), "room", o); err != nil {
				t.Fatal(err)
			}
			ada.room.loop.Post(func() { fail(ada.room) })
			<-ada.room.loop.Done()
			if got := o.eventLog(); !slices.Equal(got, []string{"published ada", "unpublished ada", "room ended"}) {
				t.Errorf("notified of %q", got)
			}
		})
	}
}
