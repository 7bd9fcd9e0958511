package rtc

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// stage is a published track in virtual time, with viewers that have no connection.
type stage struct {
	t    *testing.T
	sink *sink // the publisher's
	pub  *Publication
}

// onStage runs f in virtual time with a track of three layers, in the codecs of mimes.
func onStage(t *testing.T, mimes []string, f func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(&Rooms{log: slog.New(slog.DiscardHandler)}, "room", nil)
		go r.loop.Run() // ends with stop
		info := &livekit.TrackInfo{Sid: "TR_camera", Type: livekit.TrackType_VIDEO, Layers: []*livekit.VideoLayer{
			{Quality: livekit.VideoQuality_LOW}, {Quality: livekit.VideoQuality_MEDIUM}, {Quality: livekit.VideoQuality_HIGH},
		}}
		for _, mime := range mimes {
			info.Codecs = append(info.Codecs, &livekit.SimulcastCodecInfo{MimeType: mime})
		}
		s := &stage{t: t, sink: &sink{}}
		s.pub = newPublication(blankParticipant(r, request("ada"), s.sink), &pendingTrack{info: info, cids: []string{"camera"}})
		s.change(func() {})
		f(s)
		s.change(func() { s.pub.closed = true })
		r.cancel()
		r.loop.Stop()
	})
}

// change runs f on the room's loop and lets the publisher know what it changed.
func (s *stage) change(f func()) {
	r := s.pub.owner.room
	r.loop.Post(func() { f(); r.rewatched[s.pub] = true })
	synctest.Wait()
}

// views adds a viewer of layers up to wanted.
func (s *stage) views(identity string, wanted int) *Subscription {
	v := &Subscription{
		subscriber: blankParticipant(s.pub.owner.room, request(identity), nil), pub: s.pub, codec: s.pub.codecs[0],
		subscriptionInputs: subscriptionInputs{enabled: true, wanted: wanted},
	}
	s.change(func() { s.pub.subs = append(s.pub.subs, v) })
	return v
}

func (s *stage) leaves(v *Subscription) {
	s.change(func() { s.pub.subs = slices.DeleteFunc(s.pub.subs, func(x *Subscription) bool { return x == v }) })
}

// told checks what the publisher was told since the last call, one word for each message: for each codec the initials of
// the qualities that are enabled.
func (s *stage) told(what string, want ...string) {
	s.t.Helper()
	var got []string
	for _, m := range s.sink.all() {
		word := ""
		for _, c := range m.GetSubscribedQualityUpdate().GetSubscribedCodecs() {
			word += c.Codec + ":"
			for _, q := range c.Qualities {
				if q.Enabled {
					word += q.Quality.String()[:1]
				}
			}
			word += " "
		}
		got = append(got, strings.TrimSpace(word))
	}
	s.sink.mu.Lock()
	s.sink.messages = nil
	s.sink.mu.Unlock()
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: the publisher is told %q, want %q", what, got, want)
	}
}

func TestTrackWithoutViewersIsSwitchedOff(t *testing.T) {
	onStage(t, []string{"video/VP8"}, func(s *stage) {
		time.Sleep(demandDelay - time.Nanosecond)
		s.told("before the delay has passed")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		s.told("nobody has come", "vp8:")
		bo := s.views("bo", sfu.MaxLayers-1)
		s.told("a viewer comes", "vp8:LMH")
		s.leaves(bo)
		time.Sleep(demandDelay - time.Nanosecond)
		bo = s.views("bo", sfu.MaxLayers-1)
		time.Sleep(time.Minute)
		s.told("the viewer returns in time")

		cy := s.views("cy", 0)
		s.change(func() { bo.enabled = false })
		time.Sleep(demandDelay)
		synctest.Wait()
		s.told("one of two disables it", "vp8:L")
		s.change(func() { cy.enabled = false })
		time.Sleep(demandDelay)
		synctest.Wait()
		s.told("both have disabled it", "vp8:")
		s.change(func() { cy.enabled = true })
		s.told("one enables it", "vp8:L")
	})
}

// A viewer whose connection has no room for the picture still watches: without packets nobody would learn when there is.
func TestPausedVideoStaysRequested(t *testing.T) {
	onStage(t, []string{"video/VP8"}, func(s *stage) {
		bo := s.views("bo", sfu.MaxLayers-1)
		s.change(func() { bo.paused = true })
		time.Sleep(time.Minute)
		s.told("a paused picture")
	})
}

func TestUnwatchedTrackIsSwitchedOffAfterItsMute(t *testing.T) {
	onStage(t, []string{"video/VP8"}, func(s *stage) {
		bo := s.views("bo", sfu.MaxLayers-1)
		s.change(func() { s.pub.setMuted(true) })
		s.leaves(bo)
		time.Sleep(time.Minute)
		s.told("while it is muted")
		s.change(func() { s.pub.setMuted(false) })
		s.told("unmuted for nobody", "vp8:")
		s.change(func() { s.pub.setMuted(true) })
		s.views("bo", sfu.MaxLayers-1)
		s.told("a viewer of a muted track")
		s.change(func() { s.pub.setMuted(false) })
		s.told("unmuted for a viewer", "vp8:LMH")
	})
}

func TestUnwatchedTrackIsSwitchedOffInEveryCodec(t *testing.T) {
	onStage(t, []string{"video/VP9", "video/VP8"}, func(s *stage) {
		time.Sleep(demandDelay)
		synctest.Wait()
		s.told("nobody has come", "vp9: vp8:")
	})
}

// Sound in several codecs: a subscriber counts even while it has disabled the track.
func TestAudioCodecsAreSwitchedOffWithoutSubscribers(t *testing.T) {
	onStage(t, []string{"audio/red", "audio/opus"}, func(s *stage) {
		s.pub.info.Type = livekit.TrackType_AUDIO
		bo := s.views("bo", sfu.MaxLayers-1)
		s.change(func() { bo.enabled = false })
		time.Sleep(time.Minute)
		s.told("disabled")
		s.leaves(bo)
		time.Sleep(demandDelay)
		synctest.Wait()
		all := s.sink.all()
		if got := fmt.Sprint(all[len(all)-1].GetSubscribedAudioCodecUpdate()); len(all) != 1 || strings.Contains(got, "enabled") {
			t.Errorf("the publisher is told %v", all)
		}
	})
}

// A recorder is no subscriber, and yet what it takes stays on.
func TestRecordedLayersStayOn(t *testing.T) {
	onStage(t, []string{"video/VP9", "video/VP8"}, func(s *stage) {
		c := s.pub.codecs[0]
		s.change(func() {
			c.receiver = sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: "video/vp9", ClockRate: 90_000}, DemandChanged: c.demandChanged})
		})
		rec := newRecorder()
		recording := sfu.NewLayerSink(c.receiver, 1, &writer{rec, "video/vp9"})
		recording.Start()
		time.Sleep(demandDelay)
		synctest.Wait()
		s.told("two layers are recorded", "vp9:LM vp8:")
		bo := s.views("bo", 0)
		time.Sleep(time.Minute)
		s.told("and one is watched")
		recording.SetLayer(2)
		synctest.Wait()
		s.told("all are recorded", "vp9:LMH vp8:")
		recording.Stop()
		time.Sleep(demandDelay)
		synctest.Wait()
		s.told("none is recorded", "vp9:L vp8:")
		s.leaves(bo)
		time.Sleep(demandDelay)
		synctest.Wait()
		s.told("nobody is left", "vp9: vp8:")
	})
}
