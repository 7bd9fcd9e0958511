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

// dynacastTest holds a published track and the messages that its publisher is sent. The track's viewers have no
// connections.
type dynacastTest struct {
	t    *testing.T
	sink *sink // gets the messages that the publisher is sent
	pub  *Publication
}

// withDynacastTest runs f in virtual time (testing/synctest) with a track that has three layers in each of the given
// codecs.
func withDynacastTest(t *testing.T, mimes []string, f func(s *dynacastTest)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(&Rooms{log: slog.New(slog.DiscardHandler)}, "room", nil)
		go r.loop.Run() // ends with stop
		info := &livekit.TrackInfo{Sid: "TR_camera", Type: livekit.TrackType_VIDEO, Layers: []*livekit.VideoLayer{
			{Quality: livekit.VideoQuality_LOW}, {Quality: livekit.VideoQuality_MEDIUM}, {Quality: livekit.VideoQuality_HIGH},
		}}
		for _, mime := range mimes {
			info.Codecs = append(info.Codecs, &livekit.SimulcastCodecInfo{MimeType: mime})
		}
		s := &dynacastTest{t: t, sink: &sink{}}
		s.pub = newPublication(blankParticipant(r, request("ada"), s.sink), &pendingTrack{info: info, cids: []string{"camera"}})
		s.update(func() {})
		f(s)
		s.update(func() { s.pub.closed = true })
		r.cancel()
		r.loop.Stop()
	})
}

// update runs f on the room's loop and then updates the demand for the track.
func (s *dynacastTest) update(f func()) {
	r := s.pub.owner.room
	r.loop.Post(func() { f(); r.dirtyDemand[s.pub] = true })
	synctest.Wait()
}

// addViewer adds a subscriber. wanted is the highest layer that it shows.
func (s *dynacastTest) addViewer(identity string, wanted int) *Subscription {
	v := &Subscription{
		subscriber: blankParticipant(s.pub.owner.room, request(identity), nil), pub: s.pub, targetCodec: s.pub.codecs[0],
		subscriptionInputs: subscriptionInputs{enabled: true, wanted: wanted},
	}
	s.update(func() { s.pub.subs = append(s.pub.subs, v) })
	return v
}

// removeViewer ends the viewer's subscription v.
func (s *dynacastTest) removeViewer(v *Subscription) {
	s.update(func() { s.pub.subs = slices.DeleteFunc(s.pub.subs, func(x *Subscription) bool { return x == v }) })
}

// checkSent checks that want lists the demand messages that the publisher was sent since the last call of checkSent.
// Each message is written as its codecs with the initials of the enabled qualities, for example "vp8:LMH".
func (s *dynacastTest) checkSent(what string, want ...string) {
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
		s.t.Errorf("%s: the publisher got %q, want %q", what, got, want)
	}
}

func TestVideoTrackWithoutViewersIsSwitchedOffAfterDelay(t *testing.T) {
	withDynacastTest(t, []string{"video/VP8"}, func(s *dynacastTest) {
		time.Sleep(demandDelay - time.Nanosecond)
		s.checkSent("before the delay has passed")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		s.checkSent("no viewer", "vp8:")
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.checkSent("first viewer", "vp8:LMH")
		s.removeViewer(bo)
		time.Sleep(demandDelay - time.Nanosecond)
		bo = s.addViewer("bo", sfu.MaxLayers-1)
		time.Sleep(time.Minute)
		s.checkSent("viewer returns before the delay has passed")

		cy := s.addViewer("cy", 0)
		s.update(func() { bo.enabled = false })
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("one of two viewers disables the track", "vp8:L")
		s.update(func() { cy.enabled = false })
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("both viewers disable the track", "vp8:")
		s.update(func() { cy.enabled = true })
		s.checkSent("one viewer enables the track", "vp8:L")
	})
}

// The publisher must keep sending a video that is paused for lack of bandwidth. Without its packets the server would
// not notice that the subscriber's bandwidth has increased.
func TestVideoPausedForBandwidthIsStillRequestedFromPublisher(t *testing.T) {
	withDynacastTest(t, []string{"video/VP8"}, func(s *dynacastTest) {
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.update(func() { bo.paused = true })
		time.Sleep(time.Minute)
		s.checkSent("paused video")
	})
}

func TestUnmutedTrackWithoutViewersIsSwitchedOffImmediately(t *testing.T) {
	withDynacastTest(t, []string{"video/VP8"}, func(s *dynacastTest) {
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.update(func() { s.pub.setMuted(true) })
		s.removeViewer(bo)
		time.Sleep(time.Minute)
		s.checkSent("muted track")
		s.update(func() { s.pub.setMuted(false) })
		s.checkSent("unmuted without viewers", "vp8:")
		s.update(func() { s.pub.setMuted(true) })
		s.addViewer("bo", sfu.MaxLayers-1)
		s.checkSent("viewer of a muted track")
		s.update(func() { s.pub.setMuted(false) })
		s.checkSent("unmuted with a viewer", "vp8:LMH")
	})
}

func TestUnwatchedTrackIsSwitchedOffInEveryCodec(t *testing.T) {
	withDynacastTest(t, []string{"video/VP9", "video/VP8"}, func(s *dynacastTest) {
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("no viewer", "vp9: vp8:")
	})
}

// A subscriber that has disabled the audio track still counts as a subscriber. With a video track it would not.
func TestPublisherIsAskedToStopAudioCodecsWithoutSubscribers(t *testing.T) {
	withDynacastTest(t, []string{"audio/red", "audio/opus"}, func(s *dynacastTest) {
		s.pub.info.Type = livekit.TrackType_AUDIO
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.update(func() { bo.enabled = false })
		time.Sleep(time.Minute)
		s.checkSent("track disabled by its subscriber")
		s.removeViewer(bo)
		time.Sleep(demandDelay)
		synctest.Wait()
		all := s.sink.all()
		if got := fmt.Sprint(all[len(all)-1].GetSubscribedAudioCodecUpdate()); len(all) != 1 || strings.Contains(got, "enabled") {
			t.Errorf("the publisher got %v", all)
		}
	})
}

// A LayerSink counts in the demand, although it is not a subscriber.
func TestRecordedLayersAreRequestedFromPublisherWithoutViewers(t *testing.T) {
	withDynacastTest(t, []string{"video/VP9", "video/VP8"}, func(s *dynacastTest) {
		c := s.pub.codecs[0]
		s.update(func() {
			c.receiver = sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: "video/vp9", ClockRate: 90_000}, DemandChanged: c.demandChanged})
		})
		rec := newRecorder()
		recording := sfu.NewLayerSink(c.receiver, 1, &writer{rec, "video/vp9"})
		recording.Start()
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("two layers are recorded", "vp9:LM vp8:")
		bo := s.addViewer("bo", 0)
		time.Sleep(time.Minute)
		s.checkSent("two layers are recorded and one is watched")
		recording.SetLayer(2)
		synctest.Wait()
		s.checkSent("all layers are recorded", "vp9:LMH vp8:")
		recording.Stop()
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("recording stopped", "vp9:L vp8:")
		s.removeViewer(bo)
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("no viewer left", "vp9: vp8:")
	})
}
