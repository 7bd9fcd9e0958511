package main

import (
	"slices"
	"strings"
	"sync"

	"github.com/livekit/protocol/livekit"
)

// hear tells of people who come and go, and of what they publish. It is called before the client has taken the message,
// for one message after another.
func (s *stay) hear(m *livekit.SignalResponse) {
	switch m := m.Message.(type) {
	case *livekit.SignalResponse_Join:
		s.self = m.Join.Participant.GetSid()
		s.update(m.Join.OtherParticipants)
	case *livekit.SignalResponse_Update:
		s.update(m.Update.Participants)
	case *livekit.SignalResponse_RoomMoved:
		s.log.event("moved", "room", m.RoomMoved.Room.GetName())
		s.know(func() { clear(s.people) })
		s.self = m.RoomMoved.Participant.GetSid()
		s.update(m.RoomMoved.OtherParticipants)
	case *livekit.SignalResponse_Mute:
		s.log.event(muted("our track", m.Mute.Muted), "track", m.Mute.Sid)
	case *livekit.SignalResponse_Reconnect:
		s.log.event("reconnected")
	}
}

// update compares what people are said to be with what they were.
func (s *stay) update(people []*livekit.ParticipantInfo) {
	for _, p := range people {
		known := s.people[p.Identity]
		switch {
		case p.Sid == s.self, known != nil && known.Sid == p.Sid && p.Version < known.Version: // we, or old news
		case p.State == livekit.ParticipantInfo_DISCONNECTED:
			if known != nil && known.Sid == p.Sid {
				s.know(func() { delete(s.people, p.Identity) })
				s.log.event("participant left", "identity", p.Identity)
			}
		default:
			if known == nil || known.Sid != p.Sid {
				s.log.event("participant joined", "identity", p.Identity, "name", p.Name)
				known = nil
			}
			s.tracksChanged(p.Identity, known.GetTracks(), p.Tracks)
			s.know(func() { s.people[p.Identity] = p })
		}
	}
}

// know changes what is known of the others.
func (s *stay) know(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// tracksChanged tells what somebody publishes and no longer publishes.
func (s *stay) tracksChanged(owner string, before, after []*livekit.TrackInfo) {
	find := func(in []*livekit.TrackInfo, t *livekit.TrackInfo) *livekit.TrackInfo {
		if i := slices.IndexFunc(in, func(o *livekit.TrackInfo) bool { return o.Sid == t.Sid }); i >= 0 {
			return in[i]
		}
		return nil
	}
	for _, t := range after {
		switch was := find(before, t); {
		case was == nil:
			s.log.event("track published", "track", t.Sid, "codec", strings.ToLower(t.MimeType), "source", t.Source.String(), "name", t.Name, "from", owner)
		case was.Muted != t.Muted:
			s.log.event(muted("track", t.Muted), "track", t.Sid, "from", owner)
		}
	}
	for _, t := range before {
		if find(after, t) == nil {
			s.log.event("track unpublished", "track", t.Sid, "from", owner)
		}
	}
}

func muted(what string, muted bool) string {
	if muted {
		return what + " muted"
	}
	return what + " unmuted"
}

// message shows what is sent to everybody.
func (s *stay) message(p *livekit.DataPacket) {
	from := p.ParticipantIdentity
	switch v := p.Value.(type) {
	case *livekit.DataPacket_User:
		s.log.event("data", "from", from, "topic", v.User.GetTopic(), "text", string(v.User.Payload))
	case *livekit.DataPacket_ChatMessage:
		s.log.event("message", "from", from, "text", v.ChatMessage.Message)
	case *livekit.DataPacket_StreamHeader:
		if file := v.StreamHeader.GetByteHeader(); file != nil {
			s.log.event("file", "from", from, "topic", v.StreamHeader.Topic, "name", file.Name, "bytes", v.StreamHeader.GetTotalLength())
			return
		}
		s.texts.begin(from, v.StreamHeader)
	case *livekit.DataPacket_StreamChunk:
		s.texts.add(from, v.StreamChunk)
	case *livekit.DataPacket_StreamTrailer:
		if t := s.texts.end(from, v.StreamTrailer); t != nil {
			s.log.event("message", "from", from, "topic", t.topic, "text", string(t.content))
		}
	}
}

// texts puts streams of text together, in which newer clients send chat. The packets of one come in order, so that they
// need no sorting.
type texts struct {
	mu   sync.Mutex
	open map[streamKey]*text
}

type streamKey struct{ from, id string }

type text struct {
	topic   string
	content []byte
}

const (
	// textsMost and textMost bound what strangers make us keep: further streams are not shown, longer ones cut.
	textsMost, textMost = 64, 64 << 10
)

func (t *texts) begin(from string, h *livekit.DataStream_Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[streamKey]*text{}
	}
	if len(t.open) < textsMost {
		t.open[streamKey{from, h.StreamId}] = &text{topic: h.Topic, content: h.InlineContent}
	}
}

func (t *texts) add(from string, c *livekit.DataStream_Chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if open := t.open[streamKey{from, c.StreamId}]; open != nil {
		open.content = append(open.content, c.Content[:min(len(c.Content), max(0, textMost-len(open.content)))]...)
	}
}

// end is the whole text, nil if its beginning was missed.
func (t *texts) end(from string, tr *livekit.DataStream_Trailer) *text {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := streamKey{from, tr.StreamId}
	whole := t.open[key]
	delete(t.open, key)
	return whole
}
