package rtc

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/peer"
)

// queuedPackets returns the packets that are queued until g's channel opens.
func (g *testClient) queuedPackets() []*livekit.DataPacket {
	g.t.Helper()
	o := g.participant.data.out
	o.mu.Lock()
	defer o.mu.Unlock()
	var packets []*livekit.DataPacket
	for _, m := range o.reliable.messages {
		packet := &livekit.DataPacket{}
		if err := proto.Unmarshal(m.raw, packet); err != nil {
			g.t.Fatal(err)
		}
		packets = append(packets, packet)
	}
	return packets
}

// sendPacket passes a reliable packet to the server as if g had sent it on its data channel.
func (g *testClient) sendPacket(packet *livekit.DataPacket) {
	g.t.Helper()
	raw, err := proto.Marshal(packet)
	if err != nil {
		g.t.Fatal(err)
	}
	g.participant.data.handleData(livekit.DataPacket_RELIABLE, raw)
}

// user returns a user packet with this payload.
func user(payload string) *livekit.DataPacket_User {
	return &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte(payload)}}
}

// agent returns the join request of an agent.
func agent(identity string) JoinRequest {
	req := request(identity)
	req.Info.Kind = livekit.ParticipantInfo_AGENT
	return req
}

// hidden returns the join request of a hidden participant.
func hidden(identity string) JoinRequest {
	req := request(identity)
	req.Info.Permission.Hidden = true
	return req
}

// The server overwrites the sender that a client claims. Only agents may send on behalf of another participant, and
// their messages are marked as generated.
func TestServerOverwritesTheSenderClaimedInADataPacket(t *testing.T) {
	h := newHarness(t)
	ada, bot, ghost, bo := h.join(request("ada")), h.join(agent("bot")), h.join(hidden("ghost")), h.join(request("bo"))
	text := func() *livekit.DataPacket_StreamHeader {
		return &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{
			ContentHeader: &livekit.DataStream_Header_TextHeader{TextHeader: &livekit.DataStream_TextHeader{}},
		}}
	}
	file := &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{
		ContentHeader: &livekit.DataStream_Header_ByteHeader{ByteHeader: &livekit.DataStream_ByteHeader{}},
	}}
	chat := func() *livekit.DataPacket_ChatMessage {
		return &livekit.DataPacket_ChatMessage{ChatMessage: &livekit.ChatMessage{Message: "hello"}}
	}
	for _, c := range []struct {
		name      string
		from      *testClient
		packet    *livekit.DataPacket
		identity  string
		generated bool
	}{
		{"false sender", ada, &livekit.DataPacket{ParticipantIdentity: "bo", ParticipantSid: "PA_x", Value: chat()}, "ada", false},
		{"user packet", ada, &livekit.DataPacket{Value: user("x")}, "ada", false},
		{"chat of an agent for another participant", bot, &livekit.DataPacket{ParticipantIdentity: "ada", Value: chat()}, "ada", true},
		{"chat of an agent", bot, &livekit.DataPacket{Value: chat()}, "bot", false},
		{"text of an agent for another participant", bot, &livekit.DataPacket{ParticipantIdentity: "ada", Value: text()}, "ada", true},
		{"file of an agent for another participant", bot, &livekit.DataPacket{ParticipantIdentity: "ada", Value: file}, "bot", false},
		{"hidden sender", ghost, &livekit.DataPacket{ParticipantIdentity: "ghost", Value: user("boo")}, "", false},
	} {
		before := len(bo.queuedPackets())
		c.from.sendPacket(c.packet)
		got := bo.queuedPackets()[before:]
		if len(got) != 1 {
			t.Fatalf("%s: %d packets arrived", c.name, len(got))
		}
		p := got[0]
		sid := c.from.participant.sid()
		if c.from == ghost {
			sid = ""
		}
		if p.ParticipantIdentity != c.identity || p.ParticipantSid != sid || p.GetUser().GetParticipantSid() != "" && p.GetUser().ParticipantSid != sid {
			t.Errorf("%s: the sender is %q, %q", c.name, p.ParticipantIdentity, p.ParticipantSid)
		}
		if p.GetChatMessage().GetGenerated() != c.generated && p.GetStreamHeader().GetTextHeader().GetGenerated() != c.generated {
			t.Errorf("%s: generated is not %v", c.name, c.generated)
		}
		if u := p.GetUser(); u != nil && u.ParticipantIdentity != c.identity {
			t.Errorf("%s: the user packet says %q", c.name, u.ParticipantIdentity)
		}
	}
}

func TestDataPacketReachesOnlyItsDestinations(t *testing.T) {
	h := newHarness(t)
	collector := request("cy")
	collector.Info.Permission.CanSubscribeMetrics = true
	mute := request("mute")
	mute.Info.Permission.CanPublishData = false
	clients := map[string]*testClient{}
	for _, req := range []JoinRequest{request("ada"), agent("bot"), request("bo"), collector, mute} {
		clients[req.Identity] = h.join(req)
	}
	named := func(identities, sids, inUser []string) *livekit.DataPacket {
		v := user("x")
		v.User.DestinationSids, v.User.DestinationIdentities = sids, inUser
		return &livekit.DataPacket{DestinationIdentities: identities, Value: v}
	}
	sid := func(identity string) string { return clients[identity].participant.sid() }
	transcription := &livekit.DataPacket{Value: &livekit.DataPacket_Transcription{Transcription: &livekit.Transcription{}}}
	metrics := &livekit.DataPacket{Value: &livekit.DataPacket_Metrics{Metrics: &livekit.MetricsBatch{}}}
	sealed := &livekit.DataPacket{Value: &livekit.DataPacket_EncryptedPacket{EncryptedPacket: &livekit.EncryptedPacket{EncryptedValue: []byte{1}}}}
	newer := &livekit.DataPacket{} // a value of a later protocol
	newer.ProtoReflect().SetUnknown([]byte{0xc2, 0x3e, 0x01, 0x78})
	for _, c := range []struct {
		name, from string
		packet     *livekit.DataPacket
		to         string
	}{
		{"no destination", "ada", named(nil, nil, nil), "bo bot cy mute"},
		{"identity", "ada", named([]string{"bo", "bo", "nobody"}, nil, nil), "bo"},
		{"identity in the user packet", "ada", named(nil, nil, []string{"cy"}), "cy"},
		{"identities in packet and user packet: the packet's apply", "ada", named([]string{"bo"}, nil, []string{"cy"}), "bo"},
		{"SID", "ada", named(nil, []string{sid("bo")}, nil), "bo"},
		{"identity and SID", "ada", named([]string{"cy"}, []string{sid("bo")}, nil), "bo cy"},
		{"the sender itself", "ada", named([]string{"ada"}, nil, nil), ""},
		{"participant that has left", "ada", named([]string{"gone"}, nil, nil), ""},
		{"sender without permission", "mute", named(nil, nil, nil), ""},
		{"transcription not from an agent", "ada", transcription, ""},
		{"transcription from an agent", "bot", transcription, "ada bo cy mute"},
		{"metrics", "ada", metrics, "cy"},
		{"metrics of a participant that collects them", "cy", metrics, "cy"},
		{"encrypted packet", "ada", sealed, "bo bot cy mute"},
		{"unknown value", "ada", newer, "bo bot cy mute"},
		{"empty packet", "ada", &livekit.DataPacket{}, ""},
		{"obsolete speaker update", "ada", &livekit.DataPacket{Value: &livekit.DataPacket_Speaker{Speaker: &livekit.ActiveSpeakerUpdate{}}}, ""},
	} {
		before := map[string]int{}
		for name, g := range clients {
			before[name] = len(g.queuedPackets())
		}
		clients[c.from].sendPacket(proto.CloneOf(c.packet))
		var got []string
		for _, name := range []string{"ada", "bo", "bot", "cy", "mute"} {
			for _, p := range clients[name].queuedPackets()[before[name]:] {
				got = append(got, name)
				if u := p.GetUser(); u != nil && strings.Join(u.DestinationIdentities, " ") != strings.Join(p.DestinationIdentities, " ") {
					t.Errorf("%s: the lists say %v and %v", c.name, p.DestinationIdentities, u.DestinationIdentities)
				}
			}
		}
		if to := strings.Join(got, " "); to != c.to {
			t.Errorf("%s: recipients are %q, want %q", c.name, to, c.to)
		}
	}
}

// A packet that repeats an earlier one is dropped. It has the sequence number of the earlier packet (if it is sent
// again after a resume) or its nonce. Packets that are too large or malformed are dropped too.
func TestRepeatedDataPacketIsForwardedOnce(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	arrives := func(what string, want int, packet *livekit.DataPacket) {
		t.Helper()
		before := len(bo.queuedPackets())
		ada.sendPacket(packet)
		if n := len(bo.queuedPackets()) - before; n != want {
			t.Errorf("%s: arrived %d times", what, n)
		}
	}
	numbered := func(n uint32) *livekit.DataPacket {
		return &livekit.DataPacket{Sequence: n, Value: user(fmt.Sprint(n))}
	}
	arrives("the first", 1, numbered(1))
	arrives("the second", 1, numbered(2))
	arrives("the second again", 0, numbered(2))
	arrives("the first again", 0, numbered(1))
	arrives("one after a gap", 1, numbered(7))
	arrives("one without a number", 1, numbered(0))
	arrives("another without a number", 1, numbered(0))
	once := func() *livekit.DataPacket {
		v := user("once")
		v.User.Nonce = []byte("sixteen bytes ok")
		return &livekit.DataPacket{Value: v}
	}
	arrives("a nonce", 1, once())
	arrives("the nonce again", 0, once())
	arrives("too much", 0, &livekit.DataPacket{Value: user(strings.Repeat("x", maxForwarded))})
	before := len(bo.queuedPackets())
	ada.participant.data.handleData(livekit.DataPacket_RELIABLE, []byte{0xff})
	if len(bo.queuedPackets()) != before {
		t.Error("a malformed packet was forwarded")
	}
	back := request("ada")
	back.Reconnect, back.SID = true, ada.participant.sid()
	s := &sink{}
	if _, err := h.Join(t.Context(), back, s); err != nil {
		t.Fatal(err)
	}
	if r := s.all()[0].GetReconnect(); r.GetLastMessageSeq() != 7 {
		t.Errorf("the resumed client got %v", r)
	}
}

func TestMessageOnAnApplicationDataChannelIsForwardedAsUserPacket(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	ada.participant.data.handlePayload(livekit.DataPacket_RELIABLE, []byte("raw"))
	got := bo.queuedPackets()
	if len(got) != 1 || string(got[0].GetUser().GetPayload()) != "raw" || got[0].ParticipantIdentity != "ada" {
		t.Errorf("bo gets %v", got)
	}
}

func TestNumberOfStoredDataPacketNoncesIsLimited(t *testing.T) {
	var s nonceSet
	at := func(i int) [nonceSize]byte { return [nonceSize]byte{byte(i), byte(i >> 8)} }
	for i := range 2 * maxNonces {
		if !s.addIfNew(at(i)) {
			t.Fatalf("nonce %d is not new", i)
		}
	}
	if len(s.seen) != maxNonces || len(s.ring) != maxNonces {
		t.Errorf("%d and %d nonces are stored", len(s.seen), len(s.ring))
	}
	if s.addIfNew(at(2*maxNonces - 1)) {
		t.Error("the latest nonce is not stored")
	}
}

// A data packet must not cause a panic on the loop, because that would end the room.
func FuzzArbitraryDataPacketsCauseNoPanic(f *testing.F) {
	for _, packet := range []*livekit.DataPacket{
		{Value: user("x"), DestinationIdentities: []string{"ada"}, Sequence: 1},
		{ParticipantIdentity: "ada", Value: &livekit.DataPacket_ChatMessage{ChatMessage: &livekit.ChatMessage{}}},
		{ParticipantIdentity: "ada", Value: &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{}}},
		{Value: &livekit.DataPacket_User{}},
		{Value: &livekit.DataPacket_Metrics{}},
		{Value: &livekit.DataPacket_Transcription{}},
	} {
		raw, err := proto.Marshal(packet)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rs := &Rooms{log: slog.New(slog.DiscardHandler)}
		r := newRoom(rs, "room", nil)
		defer r.cancel()
		a, b := blankParticipant(r, agent("mallory"), &sink{}), blankParticipant(r, request("ada"), &sink{})
		r.participants["mallory"], r.participants["ada"] = a, b
		packet := &livekit.DataPacket{}
		if proto.Unmarshal(raw, packet) != nil {
			return
		}
		for _, to := range a.data.processPacket(packet) {
			if to == b.data.out && packet.ParticipantSid != a.sid() {
				t.Errorf("ada gets a packet signed by %q", packet.ParticipantSid)
			}
		}
		if _, err := proto.Marshal(packet); err != nil {
			t.Error(err)
		}
	})
}

// Pion stores data about a channel, including its label, until the connection ends. A client that opens too many
// channels over time, or one with too long a label, must therefore rejoin.
func TestSessionEndsIfClientOpensTooManyDataChannels(t *testing.T) {
	for name, tt := range map[string]struct {
		before int32
		label  string
	}{
		"many":      {maxChannelsOpened, "a"},
		"long name": {0, strings.Repeat("a", maxLabel+1)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			req := request("mallory")
			req.SinglePC = true
			m := h.join(req)
			m.participant.data.channels.total.Store(tt.before)
			if _, err := m.pc.CreateDataChannel(tt.label, nil); err != nil {
				t.Fatal(err)
			}
			m.negotiate()
			eventually(t, "mallory is asked to rejoin", func() bool {
				return m.sink.got(func(m *livekit.SignalResponse) bool {
					return m.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
				})
			})
		})
	}
}

// Each open channel has a read buffer, so a client may not open thousands of them.
func TestNumberOfOpenDataChannelsPerClientIsLimited(t *testing.T) {
	h := newHarness(t)
	req := request("mallory")
	req.SinglePC = true
	m := h.join(req)
	var closed atomic.Int32
	const extra = 8
	for i := range maxChannels + extra {
		dc, err := m.pc.CreateDataChannel(fmt.Sprint(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		dc.OnClose(func() { closed.Add(1) })
	}
	m.negotiate()
	eventually(t, "the channels beyond the limit are closed", func() bool { return closed.Load() == extra })
	if n := m.participant.data.channels.open.Load(); n != maxChannels {
		t.Errorf("%d channels are open", n)
	}
}

// A message that exceeds the negotiated size makes pion enlarge its read buffer permanently, so the server ends the
// session.
func TestTooLargeDataMessageEndsSession(t *testing.T) {
	h := newHarness(t)
	req := request("mallory")
	req.SinglePC = true
	m := h.join(req)
	dc, err := m.pc.CreateDataChannel(reliableLabel, nil)
	if err != nil {
		t.Fatal(err)
	}
	limit := fmt.Sprintf("a=max-message-size:%d", peer.MaxMessageSize)
	m.tamper = func(sdp string) string { // pion's client respects the limit in the SDP
		if !strings.Contains(sdp, limit) {
			t.Error("the limit is not in the answer")
		}
		return strings.ReplaceAll(sdp, limit, "a=max-message-size:1000000")
	}
	opened := make(chan struct{})
	dc.OnOpen(func() { close(opened) })
	m.negotiate()
	<-opened
	if err := dc.Send(make([]byte, peer.MaxMessageSize+1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "mallory is asked to rejoin", func() bool {
		return m.sink.got(func(r *livekit.SignalResponse) bool {
			return r.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
		})
	})
}
