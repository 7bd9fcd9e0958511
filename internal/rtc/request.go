package rtc

import (
	"context"
	"maps"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
	"meet/internal/name"
)

// Handle processes one message from the client. First it waits until the client's rate limit permits the message, and
// for the room's loop. Afterwards it waits for transports whose queues are too long. A flooding client therefore slows
// down only itself. If a newer connection has taken over the session, the message is ignored.
func (s *Session) Handle(ctx context.Context, m *livekit.SignalRequest) error {
	if s.room == nil {
		return nil
	}
	size := proto.Size(m) // computed before the loop keeps parts of m
	latest := s.participant.latest()
	latest.bucket.wait(ctx, latest.context)
	var transports []*Transport
	life := func(*Participant) context.Context { return ctx }
	err := s.participant.doOnLoop(life, func(p *Participant) {
		if !p.closed && p.conn.sink == s.sink {
			p.handle(m)
			transports = p.conn.transports()
		}
	})
	for _, t := range transports {
		t.WaitBackpressure(ctx, size)
	}
	return err
}

// NoteActivity records that the client has sent a message, including pings. It may be called from any goroutine.
func (s *Session) NoteActivity() {
	if s.participant != nil {
		s.participant.latest().conn.lastReceived.Store(time.Now().UnixNano())
	}
}

// SignalLost reports that the signalling connection has ended without a Leave. The participant stays while its media
// connection is up.
func (s *Session) SignalLost() {
	if s.room == nil {
		return
	}
	s.participant.onLoop(func(p *Participant) { p.conn.signalLost(s.sink) })
}

// handle dispatches a client's message by its type. Unknown types are ignored.
func (p *Participant) handle(req *livekit.SignalRequest) {
	switch m := req.Message.(type) {
	case *livekit.SignalRequest_Offer:
		p.publishing.handleOffer(m.Offer)
	case *livekit.SignalRequest_Answer:
		if p.conn.subscriber != nil {
			p.conn.subscriber.HandleAnswer(m.Answer)
		}
	case *livekit.SignalRequest_Trickle:
		p.conn.addCandidate(m.Trickle)
	case *livekit.SignalRequest_AddTrack:
		p.publishing.addTrack(m.AddTrack)
	case *livekit.SignalRequest_Mute:
		p.publishing.setMuted(m)
	case *livekit.SignalRequest_Subscription:
		p.subscribing.updateSubscription(m.Subscription)
	case *livekit.SignalRequest_TrackSetting:
		p.subscribing.updateSettings(m.TrackSetting)
	case *livekit.SignalRequest_Leave:
		p.room.depart(p, clientReason(m.Leave.GetReason()))
	case *livekit.SignalRequest_SubscriptionPermission:
		p.publishing.setPolicy(m.SubscriptionPermission)
	case *livekit.SignalRequest_SyncState:
		p.syncState(m.SyncState)
	case *livekit.SignalRequest_Simulate:
		p.simulate(m.Simulate)
	case *livekit.SignalRequest_UpdateMetadata:
		p.updateMetadata(m.UpdateMetadata)
	case *livekit.SignalRequest_UpdateAudioTrack:
		p.publishing.updateAudioTrack(m)
	case *livekit.SignalRequest_UpdateVideoTrack:
		p.publishing.updateVideoTrack(m)
	case *livekit.SignalRequest_PublishDataTrackRequest:
		p.data.publish(m.PublishDataTrackRequest)
	case *livekit.SignalRequest_UnpublishDataTrackRequest:
		p.data.unpublish(m.UnpublishDataTrackRequest)
	case *livekit.SignalRequest_UpdateDataSubscription:
		p.data.updateSubscription(m.UpdateDataSubscription)
	case *livekit.SignalRequest_StoreDataBlobRequest:
		p.refuseBlobs(m.StoreDataBlobRequest.GetRequestId())
	case *livekit.SignalRequest_GetDataBlobRequest:
		p.refuseBlobs(m.GetDataBlobRequest.GetRequestId())
	}
}

// clientReason returns the reason r that a client states when it leaves. If clients may not state r
// (docs/protocol.md, 1.9), it returns CLIENT_INITIATED.
func clientReason(r livekit.DisconnectReason) livekit.DisconnectReason {
	switch r {
	case livekit.DisconnectReason_USER_UNAVAILABLE, livekit.DisconnectReason_USER_REJECTED, livekit.DisconnectReason_AGENT_ERROR:
		return r
	}
	return livekit.DisconnectReason_CLIENT_INITIATED
}

// refuse answers a request that is not carried out. echo copies the request into the answer; clients use the copy to
// match answers with requests.
func (p *Participant) refuse(reason livekit.RequestResponse_Reason, message string, echo func(*livekit.RequestResponse)) {
	r := &livekit.RequestResponse{Reason: reason, Message: message}
	echo(r)
	p.respond(r)
}

// respond sends the answer to a request, unless the client fails on such messages.
func (p *Participant) respond(r *livekit.RequestResponse) {
	if !p.quirks.allResponses {
		return
	}
	p.send(requestResponseMessage(r))
}

// refuseBlobs refuses a request for data blobs, which the reference server does not support by default either. A
// client waits for an answer with the ID of its request, so the request cannot be ignored.
func (p *Participant) refuseBlobs(id uint32) {
	p.respond(&livekit.RequestResponse{
		RequestId: id, Reason: livekit.RequestResponse_NOT_ALLOWED, Message: "data blobs are not offered by this server",
	})
}

// addCandidate passes the client's ICE candidate to the transport that it is for.
func (cn *connections) addCandidate(t *livekit.TrickleRequest) {
	transport := cn.publisher
	if t.Target == livekit.SignalTarget_SUBSCRIBER && cn.subscriber != nil {
		transport = cn.subscriber
	}
	if transport != nil {
		transport.AddCandidate(t.CandidateInit)
	}
}

var errInvisibleName = fault.New(fault.Invalid, "the display name has no character that can be seen")

// applyChange changes p's name, metadata and attributes. If one of the new values is invalid, nothing changes. An empty
// name or empty metadata means no change. An attribute with an empty value is removed. The caller announces the change.
func (p *Participant) applyChange(displayName, metadata string, changed map[string]string) error {
	attributes := maps.Clone(p.info.Attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	for k, v := range changed {
		attributes[k] = v
		if v == "" {
			delete(attributes, k)
		}
	}
	if err := validateName("the display name", displayName); err != nil {
		return err
	}
	shown := name.Display(displayName)
	if displayName != "" && shown == "" {
		return errInvisibleName
	}
	if err := validateMetadata(metadata, attributes); err != nil {
		return err
	}
	if shown != "" {
		p.info.Name, p.requestedName = shown, ""
	}
	if metadata != "" {
		p.info.Metadata = metadata
	}
	p.info.Attributes = attributes
	return nil
}

// updateMetadata changes the client's own name, metadata and attributes, if its permission allows that, and answers the
// request.
func (p *Participant) updateMetadata(u *livekit.UpdateParticipantMetadata) {
	answer := &livekit.RequestResponse{
		RequestId: u.RequestId,
		Request:   &livekit.RequestResponse_UpdateMetadata{UpdateMetadata: u},
	}
	if !p.info.Permission.GetCanUpdateMetadata() {
		answer.Reason, answer.Message = livekit.RequestResponse_NOT_ALLOWED, "you may not change your own name or metadata here"
		p.respond(answer)
		return
	}
	if err := p.applyChange(u.Name, u.Metadata, u.Attributes); err != nil {
		answer.Reason, answer.Message = livekit.RequestResponse_LIMIT_EXCEEDED, err.Error()
		p.respond(answer)
		return
	}
	if u.Name != "" && u.Name != p.info.Name {
		p.requestedName = u.Name
	}
	p.bucket.charge(proto.Size(u))
	p.room.announce(p, true)
	p.refreshToken()
	if p.quirks.metadataResponse {
		p.respond(answer)
	}
}
