package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// With these values, an automatic resume gives up after about half a minute, like LiveKit's clients.
const (
	maxResumeAttempts = 10
	resumeBackoff     = 300 * time.Millisecond
)

// Resume opens a new signalling socket for the same participant SID and tracks. It returns when the server has
// accepted the resume and the transports are connected. If the new socket is lost before that, it returns an error.
func (c *Client) Resume(ctx context.Context) error {
	c.resuming.Lock()
	defer c.resuming.Unlock()
	if err := c.Err(); err != nil {
		return err
	}
	sock, first, err := c.open(ctx, nil, c.Participant().GetSid())
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	reconnect := first.GetReconnect()
	if reconnect == nil {
		sock.close()
		if leave := first.GetLeave(); leave != nil {
			c.handleLeave(leave)
		}
		return fmt.Errorf("resume: %w", unexpectedFirst(first))
	}
	if err := c.setICEServers(reconnect.IceServers, reconnect.ClientConfiguration); err != nil {
		sock.close()
		return fmt.Errorf("resume: %w", err)
	}
	c.detach()
	state := c.syncState()
	c.attach(sock)
	if err := c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_SyncState{SyncState: state}}); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if err := c.reopen(ctx); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return c.data.resend(reconnect.LastMessageSeq)
}

// reopen waits until all transports in use are connected. If the publisher's transport was negotiated before, reopen
// first restarts its ICE. It fails if the socket is lost.
func (c *Client) reopen(ctx context.Context) error {
	used := c.transports()
	if c.publisher.negotiated() {
		if err := c.publisher.restart(); err != nil {
			return err
		}
	} else {
		used = used[1:]
	}
	return c.untilLost(ctx, func() bool {
		return !slices.ContainsFunc(used, func(t *transport) bool { return !t.connected() }) && c.publisher.idle()
	})
}

// syncState returns the SyncState message, which describes the client's tracks, subscriptions, data channels and last
// session descriptions.
func (c *Client) syncState() *livekit.SyncState {
	state := &livekit.SyncState{DataChannels: c.data.infos()}
	described := c.publisher
	if c.subscriber != nil {
		described = c.subscriber
	}
	answer, offer := described.pc.CurrentLocalDescription(), described.pc.CurrentRemoteDescription()
	if c.subscriber == nil {
		answer, offer = offer, answer
	}
	state.Answer, state.Offer = describe(answer), describe(offer)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.session.publications {
		state.PublishTracks = append(state.PublishTracks, &livekit.TrackPublishedResponse{Cid: p.cid, Track: p.info})
	}
	// List only the tracks that differ from the automatic subscription.
	choice := &livekit.UpdateSubscription{Subscribe: c.opts.NoAutoSubscribe}
	for sid, wanted := range c.session.subscribed {
		if wanted == c.opts.NoAutoSubscribe {
			choice.TrackSids = append(choice.TrackSids, sid)
		}
	}
	state.Subscription = choice
	return state
}

// describe converts a session description to LiveKit's type. It returns nil for nil.
func describe(desc *webrtc.SessionDescription) *livekit.SessionDescription {
	if desc == nil {
		return nil
	}
	return &livekit.SessionDescription{Type: desc.Type.String(), Sdp: desc.SDP}
}

// finishAutoResume reports whether the client has a socket again. If it has one, autoResume must return, because the
// loss of this socket starts another autoResume.
func (c *Client) finishAutoResume() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.autoResuming = c.lost
	return !c.lost
}

// autoResume calls Resume, with growing random pauses, until it succeeds, is refused, or has failed maxResumeAttempts
// times.
func (c *Client) autoResume() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.spawn(func() {
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	})
	var err error
	for try := range maxResumeAttempts {
		if try > 0 {
			pause := rand.N(resumeBackoff * time.Duration(1<<min(try, 5)))
			select {
			case <-c.done:
				return
			case <-time.After(pause):
			}
		}
		if err = c.Resume(ctx); err == nil && c.finishAutoResume() || c.Err() != nil {
			return
		}
		var refused *HandshakeError
		if errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden) {
			break
		}
	}
	c.end(cmp.Or(err, ErrSignalLost)) // the last Resume may have succeeded before its socket was lost
}
