package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// testContext returns a context that ends after 20 seconds or with the test.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestJoinPublishAndLeaveWorkInBinaryAndJSON(t *testing.T) {
	for _, json := range []bool{false, true} {
		f, ctx := newFakeServer(t), testContext(t)
		opts := f.options()
		opts.JSON = json
		c := f.join(ctx, opts)
		if c.Room().Name != "tea" || c.Participant().Identity != "ada" {
			t.Errorf("joined %v as %v", c.Room(), c.Participant())
		}
		p, err := c.Publish(ctx, PublishOptions{Name: "cam", MimeType: webrtc.MimeTypeVP8, Width: 640, Height: 360})
		if err != nil {
			t.Fatal(err)
		}
		if p.SID() != "TR_1" || p.Info().Name != "cam" {
			t.Errorf("published %v", p.Info())
		}
		if p.Subscribed() {
			t.Error("subscribed before the server said so")
		}
		f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_TrackSubscribed{TrackSubscribed: &livekit.TrackSubscribed{TrackSid: "TR_1"}}})
		if err := c.Until(ctx, p.Subscribed); err != nil {
			t.Errorf("not subscribed: %v", err)
		}
		sendPackets(t, p)()
		if err := p.SetMuted(true); err != nil || !p.Muted() {
			t.Error("not muted", err)
		}
		if err := c.Unpublish(ctx, p); err != nil {
			t.Fatal(err)
		}
		if err := c.Leave(); err != nil {
			t.Fatal(err)
		}
		poll(ctx, t, func() string {
			for _, kind := range []string{"add_track", "offer", "mute", "trickle", "leave"} {
				if !f.hasReceived(kind) {
					return "the server did not see " + kind
				}
			}
			return ""
		})
		if !errors.Is(c.Err(), ErrClosed) {
			t.Errorf("ended with %v", c.Err())
		}
		if f.json != json {
			t.Error("the frames have the wrong encoding")
		}
	}
}

func TestReliableDataHasSequenceNumbersAndLossyDataHasNone(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	got := make(chan *livekit.DataPacket, 10)
	opts := f.options()
	opts.OnData = func(p *livekit.DataPacket) { got <- p }
	c := f.join(ctx, opts)
	packet := &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("hello")}}}
	for want := range uint32(3) {
		if err := c.PublishData(ctx, livekit.DataPacket_RELIABLE, packet); err != nil {
			t.Fatal(err)
		}
		if p := <-got; p.Sequence != want+1 || string(p.GetUser().Payload) != "hello" {
			t.Errorf("got %v, want number %d", p, want+1)
		}
	}
	if err := c.PublishData(ctx, livekit.DataPacket_LOSSY, packet); err != nil {
		t.Fatal(err)
	}
	if p := <-got; p.Sequence != 0 {
		t.Errorf("a lossy packet has number %d", p.Sequence)
	}
}

func TestResumeSendsSyncStateAndUnacknowledgedData(t *testing.T) {
	for _, auto := range []bool{false, true} {
		f, ctx := newFakeServer(t), testContext(t)
		var got atomic.Int64
		opts := f.options()
		opts.AutoResume = auto
		opts.OnData = func(*livekit.DataPacket) { got.Add(1) }
		c := f.join(ctx, opts)
		if err := c.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{}); err != nil {
			t.Fatal(err)
		}
		c.DropSignal()
		if !auto {
			waitUntil(ctx, t, c, func() bool { return errors.Is(c.Send(&livekit.SignalRequest{}), ErrSignalLost) })
			if err := c.Resume(ctx); err != nil {
				t.Fatal(err)
			}
		}
		poll(ctx, t, func() string {
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.joins) != 2 || !f.joins[1].Reconnect || f.joins[1].ParticipantSid != "PA_1" {
				return "no resume"
			}
			return ""
		})
		// The fake server acknowledges nothing, so the packet is sent again.
		poll(ctx, t, func() string {
			if !f.hasReceived("sync_state") || got.Load() != 2 {
				return "no sync state, or the packet was not replayed"
			}
			return ""
		})
	}
}

func TestJoinFailsOnBadTokenOrURLOrLeaveFromServer(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	var refused *HandshakeError
	if _, err := Join(ctx, f.URL, "wrong", f.options()); !errors.As(err, &refused) {
		t.Errorf("a wrong token gave %v", err)
	} else if want := (HandshakeError{http.StatusUnauthorized, "the token is not good"}); *refused != want {
		t.Errorf("a wrong token gave %+v", *refused)
	}
	for _, url := range []string{"ftp://localhost", "::", "http://127.0.0.1:1"} {
		if _, err := Join(ctx, url, "token", Options{}); err == nil {
			t.Errorf("joined %q", url)
		}
	}
	f.firstResponse = &livekit.SignalResponse{Message: &livekit.SignalResponse_Leave{Leave: &livekit.LeaveRequest{
		Reason: livekit.DisconnectReason_STATE_MISMATCH, Action: livekit.LeaveRequest_RECONNECT,
	}}}
	if _, err := Join(ctx, f.URL, "token", f.options()); err == nil || !strings.Contains(err.Error(), "STATE_MISMATCH") {
		t.Errorf("a Leave instead of a Join gave %v", err)
	}
}

func TestLeaveFromTheServerEndsTheSession(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	leaves := make(chan *livekit.LeaveRequest, 1)
	opts := f.options()
	opts.OnLeave = func(l *livekit.LeaveRequest) { leaves <- l }
	c := f.join(ctx, opts)
	f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_Leave{Leave: &livekit.LeaveRequest{
		Reason: livekit.DisconnectReason_ROOM_DELETED,
	}}})
	<-c.Done()
	if l := <-leaves; l.Reason != livekit.DisconnectReason_ROOM_DELETED || !strings.Contains(c.Err().Error(), "ROOM_DELETED") {
		t.Errorf("left with %v, %v", l, c.Err())
	}
	if err := c.Until(ctx, func() bool { return false }); err == nil {
		t.Error("Until succeeded after the session ended")
	}
}

func TestSignalConnectionIsLostWhenServerAnswersNoPing(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	c := f.join(ctx, f.options()) // the fake server announces a ping timeout of 3 s and does not answer pings
	waitUntil(ctx, t, c, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.lost
	})
	if !f.hasReceived("ping_req") {
		t.Error("no ping was sent")
	}
}

func TestStaleParticipantUpdatesAreIgnoredAndLeaversRemoved(t *testing.T) {
	s := newSession()
	s.applyJoin(&livekit.JoinResponse{Participant: &livekit.ParticipantInfo{Sid: "PA_1", Identity: "ada"}})
	c := &Client{session: s}
	for _, p := range []*livekit.ParticipantInfo{
		{Sid: "PA_1", Identity: "ada", Name: "Ada"},
		{Sid: "PA_2", Identity: "bo", Version: 2, Name: "Bo"},
		{Sid: "PA_2", Identity: "bo", Version: 1, Name: "older"},
		{Sid: "PA_3", Identity: "cy", JoinedAt: 1},
		{Sid: "PA_4", Identity: "cy", JoinedAt: 2, Name: "Cy again"},
		{Sid: "PA_5", Identity: "di"},
		{Sid: "PA_5", Identity: "di", State: livekit.ParticipantInfo_DISCONNECTED},
	} {
		c.session.updateParticipants([]*livekit.ParticipantInfo{p})
	}
	var names []string
	for _, p := range c.RemoteParticipants() {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"Bo", "Cy again"}, names); diff != "" {
		t.Error(diff)
	}
	if c.Participant().Name != "Ada" || c.RemoteParticipant("bo").Name != "Bo" || c.RemoteParticipant("di") != nil {
		t.Error("wrong participants")
	}
}

func TestTrackStatsCountLostPackets(t *testing.T) {
	for name, test := range map[string]struct {
		seqs []uint16
		lost uint64
	}{
		"in order":              {[]uint16{65534, 65535, 0, 1}, 0},
		"a gap":                 {[]uint16{10, 13}, 2},
		"a gap at the overflow": {[]uint16{65535, 2}, 2},
		"a late packet":         {[]uint16{10, 12, 11, 13}, 0},
	} {
		track := &RemoteTrack{}
		for _, seq := range test.seqs {
			track.count([]byte{0x80, 96, byte(seq >> 8), byte(seq), 0})
		}
		want := TrackStats{Packets: uint64(len(test.seqs)), Bytes: 5 * uint64(len(test.seqs)), Lost: test.lost}
		if got := track.Stats(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestJoinURLKeepsTheServersPathAndContainsTheOptions(t *testing.T) {
	for server, want := range map[string]string{
		"ws://host:1":          "ws://host:1/rtc?",
		"http://host":          "ws://host/rtc?",
		"https://host/base/":   "wss://host/base/rtc?",
		"wss://host/a/b?drop=": "wss://host/a/b/rtc?",
	} {
		got, err := joinURL(server, &Options{}, nil, "PA_1")
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s gave %s, %v; want %s", server, got, err, want)
		}
		for _, part := range []string{"protocol=17", "auto_subscribe=true", "reconnect=1", "sid=PA_1"} {
			if !strings.Contains(got, part) {
				t.Errorf("%s lacks %s", got, part)
			}
		}
	}
}

// A server accepts the connection and sends nothing. Cancelling the context ends the join.
func TestCancelledJoinReturnsWithoutServerResponse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the connection
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		cancel()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	if _, err := Join(ctx, "ws://"+l.Addr().String(), "token", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	serving.Wait()
}
