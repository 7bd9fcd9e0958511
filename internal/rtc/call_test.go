package rtc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// calls returns two packets that call these identities with this call ID: one for each version of the protocol.
func calls(id string, to ...string) map[string]*livekit.DataPacket {
	return map[string]*livekit.DataPacket{
		"version 1": {DestinationIdentities: to, Value: &livekit.DataPacket_RpcRequest{RpcRequest: &livekit.RpcRequest{Id: id, Method: "m", Version: 1}}},
		"version 2": {DestinationIdentities: to, Value: streamHeader(rpcRequestTopic, id)},
	}
}

// answers returns the messages by which a client can answer the call with this ID: the acknowledgement, and the
// response in each version of the RPC protocol. They are addressed to the recipients.
func answers(id string, recipients ...string) map[string]*livekit.DataPacket {
	return map[string]*livekit.DataPacket{
		"acknowledgement": {DestinationIdentities: recipients, Value: &livekit.DataPacket_RpcAck{RpcAck: &livekit.RpcAck{RequestId: id}}},
		"version 1":       {DestinationIdentities: recipients, Value: &livekit.DataPacket_RpcResponse{RpcResponse: &livekit.RpcResponse{RequestId: id}}},
		"version 2":       {DestinationIdentities: recipients, Value: streamHeader(rpcResponseTopic, id)},
	}
}

// streamHeader returns the header of a text stream that carries a call or a response.
func streamHeader(topic, id string) *livekit.DataPacket_StreamHeader {
	return &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{
		Topic: topic, Attributes: map[string]string{rpcRequestID: id},
		ContentHeader: &livekit.DataStream_Header_TextHeader{TextHeader: &livekit.DataStream_TextHeader{}},
	}}
}

// lastQueuedPacket checks that n packets are queued for g. It returns the last of them, or nil if n is 0.
func (g *testClient) lastQueuedPacket(n int) *livekit.DataPacket {
	g.t.Helper()
	packets := g.queuedPackets()
	if len(packets) != n {
		g.t.Fatalf("%d packets are queued, want %d: %v", len(packets), n, packets)
	}
	if n == 0 {
		return nil
	}
	return packets[n-1]
}

// If a call cannot be answered, the method must not run, and the caller must get an error without waiting for a
// timeout.
func TestUnanswerableRPCFailsImmediately(t *testing.T) {
	h := newHarness(t)
	far := request("far")
	far.Room = "other"
	h.join(far)
	if err := h.Forward(t.Context(), "other", "far", "room"); err != nil {
		t.Fatal(err)
	}
	mute := request("mute")
	mute.Info.Permission.CanPublishData = false
	silent := h.join(mute)
	recorder := hidden("egress")
	recorder.Info.Permission.CanPublishData = false
	h.join(recorder)
	gone := h.join(request("gone"))
	gone.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	h.join(request("bo"))
	for _, tt := range []struct {
		name   string
		caller JoinRequest
		to     []string
		code   uint32
	}{
		{"unknown recipient", request("ada"), []string{"nobody"}, RPCRecipientNotFound},
		{"recipient that has left", request("ada"), []string{"gone"}, RPCRecipientNotFound},
		{"the caller itself", request("ada"), []string{"ada"}, RPCRecipientNotFound},
		{"mirror of a participant in another room", request("ada"), []string{"far"}, RPCRecipientNotFound},
		{"recipient that may not publish data", request("ada"), []string{"mute"}, RPCUnsupportedMethod},
		{"hidden recipient that may not publish data", request("ada"), []string{"egress"}, RPCRecipientNotFound},
		{"one of two recipients cannot answer", request("ada"), []string{"bo", "mute"}, RPCUnsupportedMethod},
		{"caller that may not publish data", mute, []string{"bo"}, RPCSendFailed},
		{"hidden caller", hidden("ghost"), []string{"nobody"}, RPCRecipientNotFound},
	} {
		for version, call := range calls("1", tt.to...) {
			t.Run(tt.name+", "+version, func(t *testing.T) {
				caller := h.join(tt.caller)
				caller.sendPacket(call)
				failed := caller.lastQueuedPacket(2).GetRpcResponse()
				if caller.queuedPackets()[0].GetRpcAck().GetRequestId() != "1" || failed.GetRequestId() != "1" || failed.GetError().GetCode() != tt.code {
					t.Errorf("answered %v, want %d", caller.queuedPackets(), tt.code)
				}
				if tt.caller.Identity != "mute" {
					silent.lastQueuedPacket(0)
				}
			})
		}
	}
	var failed *RPCError
	if _, err := h.PerformRPC(t.Context(), "room", "far", "m", "", time.Second); !errors.As(err, &failed) || failed.Code != RPCRecipientNotFound {
		t.Errorf("the server's call to a mirror: %v", err)
	}
}

// After a resume, a client may send a packet again that the server already has. The server drops the second copy. It
// does so even if the packet is a call whose recipient has left, so the caller gets no second answer.
func TestRepeatedRPCRequestIsDropped(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	call := calls("1", "bo")["version 1"]
	call.Kind, call.Sequence = livekit.DataPacket_RELIABLE, 3
	ada.sendPacket(proto.CloneOf(call))
	bo.lastQueuedPacket(1)
	bo.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	ada.sendPacket(proto.CloneOf(call))
	ada.lastQueuedPacket(0)
	call.Sequence = 4
	ada.sendPacket(proto.CloneOf(call))
	if e := ada.lastQueuedPacket(2).GetRpcResponse().GetError(); e.GetCode() != RPCRecipientNotFound {
		t.Errorf("answered %v", e)
	}
	ada.sendPacket(call)
	ada.lastQueuedPacket(2)
}

// The called participant sees a random alias, and can use it only for its answer.
func TestHiddenRPCCallerIsAnsweredWithoutRevealingItsIdentity(t *testing.T) {
	h := newHarness(t)
	ghost, bo := h.join(hidden("ghost")), h.join(request("bo"))
	got, answered := 0, 0
	var name string
	for version, call := range calls("1", "bo") {
		ghost.sendPacket(call)
		got++
		p := bo.lastQueuedPacket(got)
		name = p.ParticipantIdentity
		if !strings.HasPrefix(name, callerPrefix) || p.ParticipantSid != "" {
			t.Errorf("a call of %s comes from %q, %q", version, name, p.ParticipantSid)
		}
		for _, answer := range answers("1", name) {
			bo.sendPacket(answer)
			answered++
			if p := ghost.lastQueuedPacket(answered); p.ParticipantIdentity != "bo" {
				t.Errorf("answered by %q", p.ParticipantIdentity)
			}
		}
	}
	for _, call := range calls("2", name) { // the alias is valid only for answers
		bo.sendPacket(call)
		got += 2
		if e := bo.lastQueuedPacket(got).GetRpcResponse().GetError(); e.GetCode() != RPCRecipientNotFound {
			t.Errorf("bo calls the hidden participant: %v", e)
		}
	}
	ghost.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	ghost.inspect(func(p *Participant) {
		if len(p.room.callerAliases) > 0 {
			t.Errorf("%v are still stored", p.room.callerAliases)
		}
	})
}

// A hidden participant can be called by its identity, and only the answer contains that identity.
func TestHiddenParticipantRevealsItsIdentityOnlyToItsRPCCaller(t *testing.T) {
	h := newHarness(t)
	ada, ghost := h.join(request("ada")), h.join(hidden("ghost"))
	for _, call := range calls("1") {
		ada.sendPacket(call)
		ghost.lastQueuedPacket(0)
	}
	got := 0
	for _, call := range calls("1", "ghost") {
		ada.sendPacket(call)
		got++
		ghost.lastQueuedPacket(got)
	}
	got = 0
	for _, tt := range []struct {
		packet *livekit.DataPacket
		want   string
	}{
		{answers("1", "ada")["acknowledgement"], ""},
		{answers("1", "ada")["version 1"], ""},
		{answers("1", "ada")["version 2"], "ghost"},
		{answers("1")["version 2"], ""},
		{answers("1", "ada", "bo")["version 2"], ""},
		{&livekit.DataPacket{Value: streamHeader("lk.chat", "1"), DestinationIdentities: []string{"ada"}}, ""},
	} {
		ghost.sendPacket(tt.packet)
		got++
		if p := ada.lastQueuedPacket(got); p.ParticipantIdentity != tt.want || p.ParticipantSid != "" {
			t.Errorf("%v comes from %q, %q, want %q", tt.packet, p.ParticipantIdentity, p.ParticipantSid, tt.want)
		}
	}
}
