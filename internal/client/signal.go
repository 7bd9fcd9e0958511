package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// ErrSignalLost is returned when a message cannot be sent because the signalling socket is lost. Join and Resume also
// return it if their socket is lost before they complete.
var ErrSignalLost = errors.New("the signalling socket is lost")

// open opens a signalling socket and reads the server's first message.
func (c *Client) open(ctx context.Context, offer *livekit.SessionDescription, resumeSID string) (*socket, *livekit.SignalResponse, error) {
	url, err := joinURL(c.server, &c.opts, offer, resumeSID)
	if err != nil {
		return nil, nil, err
	}
	sock, err := dial(ctx, url, c.Token(), &c.opts)
	if err != nil {
		return nil, nil, err
	}
	first, err := sock.readFirst(ctx)
	if err != nil {
		sock.close()
		return nil, nil, err
	}
	if c.opts.OnSignal != nil {
		c.opts.OnSignal(first)
	}
	return sock, first, nil
}

// detach closes the client's socket, if there is one, and waits until all messages read from it are handled. If a
// message of the old socket were handled after a message of the new one, it would restore outdated state.
func (c *Client) detach() {
	c.mu.Lock()
	sock := c.sock
	c.sock, c.lost = nil, true
	c.mu.Unlock()
	if sock != nil {
		sock.close()
		<-sock.ended
	}
}

// attach makes sock the client's socket and starts its goroutines, which end with the socket. The previous socket
// must be detached.
func (c *Client) attach(sock *socket) {
	c.mu.Lock()
	interval := c.session.pingInterval
	sock.readTimeout = c.session.pingTimeout
	closed := c.closed
	if !closed {
		c.sock, c.lost = sock, false
		c.work.Go(func() { c.receive(sock) }) // ends with the socket
	}
	c.mu.Unlock()
	if closed {
		sock.close()
		return
	}
	if interval > 0 {
		c.spawn(func() { sock.ping(interval) })
	}
}

// spawn runs f on a goroutine that Close waits for. It does nothing if the client is closed.
func (c *Client) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.work.Go(f)
	}
}

// beginWork registers a callback that runs on one of pion's goroutines, so that Close waits for the callback. If
// beginWork returns true, the callback must call c.work.Done when it ends. If beginWork returns false, the client is
// closed and the callback must return.
func (c *Client) beginWork() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Add(1)
	return true
}

// receive handles the messages of the socket in order until it ends, then starts an automatic resume if needed.
func (c *Client) receive(sock *socket) {
	err := c.handleAll(sock)
	sock.close()
	mine, resumes := false, false
	c.update(func() {
		// Ignore the end of a socket that a resume has replaced, and the end after the session ended.
		if mine = c.sock == sock && c.err == nil; !mine {
			return
		}
		c.lost = true
		resumes = c.opts.AutoResume && !c.autoResuming // otherwise the running autoResume detects the loss
		c.autoResuming = c.autoResuming || resumes
	})
	close(sock.ended) // last: after it, Resume may attach a new socket, so lost must not be set any more
	if mine {
		c.log.Warn("signalling socket lost", "err", err)
	}
	if resumes {
		c.autoResume()
	}
}

// handleAll handles the messages of the socket until an error.
func (c *Client) handleAll(sock *socket) error {
	for {
		msg, err := sock.read()
		if err != nil {
			return err
		}
		if c.opts.OnSignal != nil {
			c.opts.OnSignal(msg)
		}
		if err := c.handle(msg); err != nil {
			if errors.Is(err, ErrSignalLost) {
				return err
			}
			c.end(fmt.Errorf("handle %T: %w", msg.Message, err))
			return err
		}
		c.update(func() {})
	}
}

// handle acts on one message. It ignores messages that are only of interest to OnSignal.
func (c *Client) handle(msg *livekit.SignalResponse) error {
	switch m := msg.Message.(type) {
	case *livekit.SignalResponse_Offer:
		if c.subscriber == nil {
			return errors.New("the server sent an offer, but with a single peer connection only the client may send offers")
		}
		c.storeMids(m.Offer)
		return c.subscriber.acceptOffer(m.Offer)
	case *livekit.SignalResponse_Answer:
		c.storeMids(m.Answer)
		return c.publisher.acceptAnswer(m.Answer)
	case *livekit.SignalResponse_Trickle:
		if m.Trickle.Target == livekit.SignalTarget_SUBSCRIBER && c.subscriber != nil {
			return c.subscriber.addCandidate(m.Trickle.CandidateInit)
		}
		return c.publisher.addCandidate(m.Trickle.CandidateInit)
	case *livekit.SignalResponse_MediaSectionsRequirement:
		return c.addSections(m.MediaSectionsRequirement)
	case *livekit.SignalResponse_Leave:
		c.handleLeave(m.Leave)
	default:
		c.update(func() { c.apply(msg) })
	}
	return nil
}

// apply stores the state that a message announces. c.mu must be held.
func (c *Client) apply(msg *livekit.SignalResponse) {
	s := &c.session
	switch m := msg.Message.(type) {
	case *livekit.SignalResponse_Update:
		s.updateParticipants(m.Update.Participants)
	case *livekit.SignalResponse_RoomUpdate:
		s.room = m.RoomUpdate.Room
	case *livekit.SignalResponse_RefreshToken:
		c.token = m.RefreshToken
	case *livekit.SignalResponse_TrackPublished:
		s.published[m.TrackPublished.Cid] = m.TrackPublished.Track
	case *livekit.SignalResponse_RequestResponse:
		if req := m.RequestResponse.GetAddTrack(); req != nil {
			s.refused[req.Cid] = m.RequestResponse
		}
	case *livekit.SignalResponse_Mute:
		if p := s.publications[m.Mute.Sid]; p != nil {
			p.muted.Store(m.Mute.Muted)
		}
	case *livekit.SignalResponse_TrackSubscribed:
		if p := s.publications[m.TrackSubscribed.TrackSid]; p != nil {
			p.subscribed.Store(true)
		}
	case *livekit.SignalResponse_TrackUnpublished:
		delete(s.publications, m.TrackUnpublished.TrackSid)
	}
}

// storeMids stores which track each media section of a session description carries.
func (c *Client) storeMids(desc *livekit.SessionDescription) {
	c.update(func() {
		for mid, sid := range desc.MidToTrackId {
			c.session.mids[mid] = sid
		}
	})
}

// addSections adds the media sections that the server requires for sending tracks to this client. It then makes an
// offer, even if no section is required.
func (c *Client) addSections(need *livekit.MediaSectionsRequirement) error {
	if err := c.publisher.addReceivers(webrtc.RTPCodecTypeAudio, int(need.NumAudios)); err != nil {
		return err
	}
	if err := c.publisher.addReceivers(webrtc.RTPCodecTypeVideo, int(need.NumVideos)); err != nil {
		return err
	}
	_, err := c.publisher.offer(false)
	return err
}

// handleLeave handles the server's Leave. The session ends unless the server allows a resume.
func (c *Client) handleLeave(leave *livekit.LeaveRequest) {
	if c.opts.OnLeave != nil {
		c.opts.OnLeave(leave)
	}
	if leave.Action != livekit.LeaveRequest_RESUME {
		c.end(fmt.Errorf("the server ended the session: %s, %s", leave.Reason, leave.Action))
	}
}

// Send sends a signalling message without changing it.
func (c *Client) Send(req *livekit.SignalRequest) error {
	c.mu.Lock()
	sock, lost := c.sock, c.lost
	c.mu.Unlock()
	if sock == nil || lost {
		return ErrSignalLost
	}
	return sock.send(req)
}

// SignalLost reports whether the signalling socket has ended and is not replaced yet.
func (c *Client) SignalLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// DropSignal resets the signalling socket, like a failing network. Media continues; [Client.Resume] restores
// signalling.
func (c *Client) DropSignal() {
	c.mu.Lock()
	sock := c.sock
	c.mu.Unlock()
	if sock == nil {
		return
	}
	sock.reset()
	<-sock.ended
}
