package client

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// cutting makes the client lose its socket once it has received a message for which lose holds, just before it acts on it.
// It returns how to arm it for one such message, and what is closed when that has come.
func cutting(opts *Options, lose func(*livekit.SignalResponse) bool) (arm func(*Client), cut <-chan struct{}) {
	var armed atomic.Pointer[Client]
	done := make(chan struct{})
	opts.OnSignal = func(m *livekit.SignalResponse) {
		if !lose(m) {
			return
		}
		if c := armed.Swap(nil); c != nil {
			c.mu.Lock()
			sock := c.sock
			c.mu.Unlock()
			sock.drop()
			close(done)
		}
	}
	return func(c *Client) { armed.Store(c) }, done
}

// An answer or an offer that cannot be sent because the socket has just been lost ends the socket, not the session.
func TestSendOnLostSocketIsNoEnd(t *testing.T) {
	for name, auto := range map[string]bool{"automatic": true, "manual": false} {
		t.Run(name, func(t *testing.T) {
			f, ctx := newFake(t), limited(t)
			opts := f.options()
			opts.AutoResume = auto
			arm, cut := cutting(&opts, func(m *livekit.SignalResponse) bool { return m.GetMediaSectionsRequirement() != nil })
			c := f.join(ctx, opts)
			arm(c)
			f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_MediaSectionsRequirement{
				MediaSectionsRequirement: &livekit.MediaSectionsRequirement{NumVideos: 1},
			}})
			<-cut
			if !auto {
				until(ctx, t, c, c.Lost)
				if err := c.Resume(ctx); err != nil {
					t.Fatal(err)
				}
			}
			poll(ctx, t, func() string {
				if !f.saw("sync_state") {
					return "no resume"
				}
				return ""
			})
			until(ctx, t, c, c.publisher.idle)
			if n := len(c.publisher.pc.GetTransceivers()); n != 7 {
				t.Errorf("%d sections, of six from the start and one that the server asked for", n)
			}
		})
	}
}

// The socket is lost just when the client is about to act on a message, while offers and answers are under way. After the
// resume, media and negotiation go on.
func TestLiveResumeWhileNegotiating(t *testing.T) {
	for name, lose := range map[string]func(*livekit.SignalResponse) bool{
		"offer":    func(m *livekit.SignalResponse) bool { return m.GetOffer() != nil },
		"answer":   func(m *livekit.SignalResponse) bool { return m.GetAnswer() != nil },
		"sections": func(m *livekit.SignalResponse) bool { return m.GetMediaSectionsRequirement() != nil },
	} {
		t.Run(name, func(t *testing.T) {
			forms(t, func(t *testing.T, opts Options) {
				if opts.SinglePC && name == "offer" || !opts.SinglePC && name == "sections" {
					t.Skip("there is no such message in this form")
				}
				resumeWhileNegotiating(t, opts, lose)
			})
		})
	}
}

func resumeWhileNegotiating(t *testing.T, opts Options, lose func(*livekit.SignalResponse) bool) {
	l := newLive(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ada := l.join(ctx, t, "ada", opts)
	tracks := make(chan *RemoteTrack, 4)
	opts.OnTrack = func(r *RemoteTrack) {
		tracks <- r
		r.Drain()
	}
	arm, cut := cutting(&opts, lose)
	bo := l.join(ctx, t, "bo", opts)
	arrives := func(p *Publication) {
		t.Helper()
		defer pump(t, p)()
		for {
			select {
			case r := <-tracks:
				if r.SID() == p.SID() {
					return
				}
			case <-ctx.Done():
				t.Fatalf("%s does not arrive", p.Info().Name)
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
	if _, err := bo.publisher.offer(false); err != nil { // for its answer
		t.Fatal(err)
	}
	first := publish(ada, "first")
	<-cut
	until(ctx, t, bo, bo.Lost)
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	arrives(first)
	arrives(publish(ada, "second"))
	publish(bo, "third")
}
