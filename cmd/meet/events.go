package main

import (
	"slices"
	"strings"
	"sync"

	"github.com/livekit/protocol/livekit"
)

// onSignal prints events of the room, such as participants that join or leave and tracks that are published or muted.
// The client calls it for each message in order, before it applies the message.
func (s *session) onSignal(m *livekit.SignalResponse) {
	switch m := m.Message.(type) {
	case *livekit.SignalResponse_Join:
		s.self = m.Join.Participant.GetSid()
		s.reportParticipants(m.Join.OtherParticipants)
	case *livekit.SignalResponse_Update:
		s.reportParticipants(m.Update.Participants)
	case *livekit.SignalResponse_RoomMoved:
		s.events.print("moved", "room", m.RoomMoved.Room.GetName())
		s.updateParticipants(func() { clear(s.participants) })
		s.self = m.RoomMoved.Participant.GetSid()
		s.reportParticipants(m.RoomMoved.OtherParticipants)
	case *livekit.SignalResponse_Mute:
		s.events.print(muted("our track", m.Mute.Muted), "track", m.Mute.Sid)
	case *livekit.SignalResponse_Reconnect:
		s.events.print("reconnected")
	}
}

// reportParticipants prints how the listed participants differ from the last known state, and stores the new state.
func (s *session) reportParticipants(people []*livekit.ParticipantInfo) {
	for _, p := range people {
		known := s.participants[p.Identity]
		switch {
		case p.Sid == s.self, known != nil && known.Sid == p.Sid && p.Version < known.Version: // ourselves, or an outdated update
		case p.State == livekit.ParticipantInfo_DISCONNECTED:
			if known != nil && known.Sid == p.Sid {
				s.updateParticipants(func() { delete(s.participants, p.Identity) })
				s.events.print("participant left", "identity", p.Identity)
			}
		default:
			if known == nil || known.Sid != p.Sid {
				s.events.print("participant joined", "identity", p.Identity, "name", p.Name)
				known = nil
			}
			s.reportTracks(p.Identity, known.GetTracks(), p.Tracks)
			s.updateParticipants(func() { s.participants[p.Identity] = p })
		}
	}
}

// updateParticipants runs change, which may modify s.participants, with s.mu held.
func (s *session) updateParticipants(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// reportTracks prints which tracks of a participant were published, unpublished, muted or unmuted. owner is the
// participant's identity.
func (s *session) reportTracks(owner string, before, after []*livekit.TrackInfo) {
	find := func(in []*livekit.TrackInfo, t *livekit.TrackInfo) *livekit.TrackInfo {
		if i := slices.IndexFunc(in, func(o *livekit.TrackInfo) bool { return o.Sid == t.Sid }); i >= 0 {
			return in[i]
		}
		return nil
	}
	for _, t := range after {
		switch was := find(before, t); {
		case was == nil:
			s.events.print("track published", "track", t.Sid, "codec", strings.ToLower(t.MimeType), "source", t.Source.String(), "name", t.Name, "from", owner)
		case was.Muted != t.Muted:
			s.events.print(muted("track", t.Muted), "track", t.Sid, "from", owner)
		}
	}
	for _, t := range before {
		if find(after, t) == nil {
			s.events.print("track unpublished", "track", t.Sid, "from", owner)
		}
	}
}

// muted returns the name of an event, such as "track muted" or "track unmuted" for the subject "track".
func muted(subject string, muted bool) string {
	if muted {
		return subject + " muted"
	}
	return subject + " unmuted"
}

// onData prints a received data packet: user data, a chat message, the header of a file, or a text stream once it is
// complete.
func (s *session) onData(p *livekit.DataPacket) {
	from := p.ParticipantIdentity
	switch v := p.Value.(type) {
	case *livekit.DataPacket_User:
		s.events.print("data", "from", from, "topic", v.User.GetTopic(), "text", string(v.User.Payload))
	case *livekit.DataPacket_ChatMessage:
		s.events.print("message", "from", from, "text", v.ChatMessage.Message)
	case *livekit.DataPacket_StreamHeader:
		if file := v.StreamHeader.GetByteHeader(); file != nil {
			s.events.print("file", "from", from, "topic", v.StreamHeader.Topic, "name", file.Name, "bytes", v.StreamHeader.GetTotalLength())
			return
		}
		s.textStreams.begin(from, v.StreamHeader)
	case *livekit.DataPacket_StreamChunk:
		s.textStreams.add(from, v.StreamChunk)
	case *livekit.DataPacket_StreamTrailer:
		if t := s.textStreams.end(from, v.StreamTrailer); t != nil {
			s.events.print("message", "from", from, "topic", t.topic, "text", string(t.content))
		}
	}
}

// textStreams reassembles text streams, which newer clients use for chat. The chunks of a stream arrive in order, so
// they are not sorted.
type textStreams struct {
	mu   sync.Mutex
	open map[streamKey]*textStream
}

// streamKey identifies a text stream by the identity of its sender and its id.
type streamKey struct{ from, id string }

// textStream is a text stream that is being received.
type textStream struct {
	topic   string
	content []byte
}

const (
	// maxTextStreams and maxTextSize limit the memory that remote participants can make this program use. More
	// streams at the same time are ignored, and the text of a stream is cut after maxTextSize bytes.
	maxTextStreams, maxTextSize = 64, 64 << 10
)

// begin handles the header of a text stream.
func (t *textStreams) begin(from string, h *livekit.DataStream_Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[streamKey]*textStream{}
	}
	if len(t.open) < maxTextStreams {
		t.open[streamKey{from, h.StreamId}] = &textStream{topic: h.Topic, content: h.InlineContent}
	}
}

// add handles a chunk of a text stream. It ignores streams whose header was not received.
func (t *textStreams) add(from string, c *livekit.DataStream_Chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if open := t.open[streamKey{from, c.StreamId}]; open != nil {
		open.content = append(open.content, c.Content[:min(len(c.Content), max(0, maxTextSize-len(open.content)))]...)
	}
}

// end removes a stream and returns its text, or nil if its header was not received.
func (t *textStreams) end(from string, tr *livekit.DataStream_Trailer) *textStream {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := streamKey{from, tr.StreamId}
	whole := t.open[key]
	delete(t.open, key)
	return whole
}
