package client

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// dropSocketOn sets opts.OnSignal so that the client loses its socket just before it handles a message for which
// matches returns true. This happens once, for the first such message after the call of arm. The channel dropped is
// then closed.
func dropSocketOn(opts *Options, matches func(*livekit.SignalResponse) bool) (arm func(*Client), dropped <-chan struct{}) {
	var armed atomic.Pointer[Client]
	done := make(chan struct{})
	opts.OnSignal = func(m *livekit.SignalResponse) {
		if !matches(m) {
			return
		}
		if c := armed.Swap(nil); c != nil {
			c.mu.Lock()
			sock := c.sock
			c.mu.Unlock()
			sock.reset()
			close(done)
		}
	}
	return func(c *Client) { armed.Store(c) }, done
}

// If an answer or an offer cannot be sent because the socket has just been lost, the session continues.
func TestSendOnALostSocketDoesNotEndTheSession(t *testing.T) {
	for name, auto := range map[string]bool{"automatic": true, "manual": false} {
		t.Run(name, func(t *testing.T) {
			f, ctx := newFakeServer(t), testContext(t)
			opts := f.options()
			opts.AutoResume = auto
			arm, dropped := dropSocketOn(&opts, func(m *livekit.SignalResponse) bool { return m.GetMediaSectionsRequirement() != nil })
			c := f.join(ctx, opts)
			arm(c)
			f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_MediaSectionsRequirement{
				MediaSectionsRequirement: &livekit.MediaSectionsRequirement{NumVideos: 1},
			}})
			<-dropped
			if !auto {
				waitUntil(ctx, t, c, c.SignalLost)
				if err := c.Resume(ctx); err != nil {
					t.Fatal(err)
				}
			}
			poll(ctx, t, func() string {
				if !f.hasReceived("sync_state") {
					return "no resume"
				}
				return ""
			})
			waitUntil(ctx, t, c, c.publisher.idle)
			if n := len(c.publisher.pc.GetTransceivers()); n != 7 {
				t.Errorf("%d media sections, want six of the start and the required one", n)
			}
		})
	}
}

// Resume fails if the new socket is lost before the offer is answered. It does not wait for an answer that cannot
// arrive.
func TestResumeFailsWhenNewSocketIsLost(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	c := f.join(ctx, f.options())
	c.DropSignal()
	f.mu.Lock()
	f.offersToDrop = 1
	f.mu.Unlock()
	if err := c.Resume(ctx); !errors.Is(err, ErrSignalLost) {
		t.Fatalf("got %v", err)
	}
	if !c.SignalLost() || c.Err() != nil {
		t.Errorf("lost %t, ended with %v", c.SignalLost(), c.Err())
	}
	if err := c.Resume(ctx); err != nil {
		t.Errorf("the next resume: %v", err)
	}
}

// Join fails immediately if the socket is lost before the offer is answered. With AutoResume it completes after the
// resume.
func TestLostSocketFailsJoinUnlessAutoResumeIsSet(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	opts := f.options()
	f.offersToDrop = 1
	if _, err := Join(ctx, f.URL, "token", opts); !errors.Is(err, ErrSignalLost) {
		t.Errorf("without a resume: %v", err)
	}
	f.mu.Lock()
	f.offersToDrop = 1
	f.mu.Unlock()
	opts.AutoResume = true
	if c := f.join(ctx, opts); !c.publisher.connected() {
		t.Error("not connected after the resume")
	}
}

// Several new sockets are lost in a row. The client resumes, one resume at a time, until a socket stays open.
func TestAutoResumeRetriesWhenNewSocketIsLost(t *testing.T) {
	const cuts = 3
	f, ctx := newFakeServer(t), testContext(t)
	opts := f.options()
	opts.AutoResume = true
	c := f.join(ctx, opts)
	f.mu.Lock()
	f.offersToDrop = cuts
	f.mu.Unlock()
	for range 2 {
		c.DropSignal()
		poll(ctx, t, func() string {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.lost || c.autoResuming {
				return "no successful resume"
			}
			return ""
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.joins); n != 1+cuts+1+1 {
		t.Errorf("%d joins and resumes, want one join, %d failed resumes and two successful ones", n, cuts)
	}
}

// A message of the old socket is still being handled when the resume opens the new socket. The client finishes this
// message before it handles messages of the new socket.
func TestResumeHandlesMessagesOfOldSocketFirst(t *testing.T) {
	f, ctx := newFakeServer(t), testContext(t)
	room := func(name string) *livekit.SignalResponse {
		return &livekit.SignalResponse{Message: &livekit.SignalResponse_RoomUpdate{
			RoomUpdate: &livekit.RoomUpdate{Room: &livekit.Room{Name: name}},
		}}
	}
	reached, release := make(chan struct{}), make(chan struct{})
	opts := f.options()
	opts.OnSignal = func(m *livekit.SignalResponse) {
		if m.GetRoomUpdate().GetRoom().GetName() == "old" {
			close(reached)
			<-release
		}
	}
	c := f.join(ctx, opts)
	f.mu.Lock()
	f.afterResume = room("new")
	f.mu.Unlock()
	f.send(room("old"))
	<-reached
	resumed := make(chan error, 1)
	go func() { resumed <- c.Resume(ctx) }() // ends with the resume
	// The client closes the old socket when the new one is open.
	poll(ctx, t, func() string {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.closedSockets == 0 {
			return "the old socket is open"
		}
		return ""
	})
	close(release)
	if err := <-resumed; err != nil {
		t.Fatal(err)
	}
	if name := c.Room().GetName(); name != "new" {
		t.Errorf("the room is %s, as the old socket said", name)
	}
}

// The socket is lost just before the client handles a message, while offers and answers are pending. After the
// resume, media arrives and negotiation works.
func TestResumeDuringNegotiationRestoresMedia(t *testing.T) {
	eachMode(t, func(t *testing.T, opts Options) {
		losses := map[string]func(*livekit.SignalResponse) bool{
			"answer": func(m *livekit.SignalResponse) bool { return m.GetAnswer() != nil },
		}
		if opts.SinglePC {
			losses["sections"] = func(m *livekit.SignalResponse) bool { return m.GetMediaSectionsRequirement() != nil }
		} else {
			losses["offer"] = func(m *livekit.SignalResponse) bool { return m.GetOffer() != nil }
		}
		for name, matches := range losses {
			t.Run(name, func(t *testing.T) { resumeWhileNegotiating(t, opts, matches) })
		}
	})
}

func resumeWhileNegotiating(t *testing.T, opts Options, matches func(*livekit.SignalResponse) bool) {
	l := startServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ada := l.join(ctx, t, "ada", opts)
	tracks := make(chan *RemoteTrack, 4)
	opts.OnTrack = func(r *RemoteTrack) {
		tracks <- r
		r.Drain()
	}
	arm, dropped := dropSocketOn(&opts, matches)
	bo := l.join(ctx, t, "bo", opts)
	arrives := func(p *Publication) {
		t.Helper()
		defer sendPackets(t, p)()
		for {
			select {
			case r := <-tracks:
				if r.SID() == p.SID() {
					return
				}
			case <-ctx.Done():
				t.Fatalf("track %s does not arrive", p.Info().Name)
			}
		}
	}
	publish := func(c *Client, name string) *Publication {
		t.Helper()
		p, err := c.Publish(ctx, PublishOptions{Name: name, MimeType: webrtc.MimeTypeVP8})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	arm(bo)
	if _, err := bo.publisher.offer(false); err != nil { // to receive its answer
		t.Fatal(err)
	}
	first := publish(ada, "first")
	<-dropped
	waitUntil(ctx, t, bo, bo.SignalLost)
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	arrives(first)
	arrives(publish(ada, "second"))
	publish(bo, "third")
}
