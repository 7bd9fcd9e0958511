package rtc

import (
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// This file is calls of one participant to another (livekit-protocol.md, 6.3), which are data to the server but for two
// things. A caller is told at once of a call that cannot be answered: its client would wait for 7 s, and the method might
// run. And hidden participants, whose packets name no sender, call and answer as well.

const (
	rpcRequestTopic  = "lk.rpc_request"
	rpcResponseTopic = "lk.rpc_response"
	rpcRequestID     = "lk.rpc_request_id"

	callerPrefix = "CALLER_"
)

// callID returns the id of the call that a packet makes, if it makes one. A call of version 1 is a message of its own, one
// of version 2 a text stream.
func callID(packet *livekit.DataPacket) (id string, calls bool) {
	switch v := packet.Value.(type) {
	case *livekit.DataPacket_RpcRequest:
		return v.RpcRequest.GetId(), true
	case *livekit.DataPacket_StreamHeader:
		if h := v.StreamHeader; h.GetTopic() == rpcRequestTopic {
			return h.Attributes[rpcRequestID], true
		}
	}
	return "", false
}

// callError returns why p's call to these identities cannot be answered, or nil.
func (p *Participant) callError(to []string) *livekit.RpcError {
	if !p.info.Permission.GetCanPublishData() {
		return &livekit.RpcError{Code: RPCSendFailed, Message: "Failed to send: you may not publish data"}
	}
	for _, identity := range to {
		switch o := p.room.participants[identity]; {
		case o == nil || o == p:
			return &livekit.RpcError{Code: RPCRecipientNotFound, Message: "Recipient not found"}
		case o.forwarded != nil:
			return &livekit.RpcError{Code: RPCRecipientNotFound, Message: errCallForwarded.Message}
		case !o.info.Permission.GetCanPublishData():
			return &livekit.RpcError{Code: RPCUnsupportedMethod, Message: "Method not supported at destination: the recipient may not publish data, so it cannot answer"}
		}
	}
	return nil
}

// refuseCall turns p's call into the server's answer to it, and returns who gets that. Some clients read a response only after
// an acknowledgement.
func (p *Participant) refuseCall(packet *livekit.DataPacket, id string, e *livekit.RpcError) []*outbox {
	ack := &livekit.DataPacket{Value: &livekit.DataPacket_RpcAck{RpcAck: &livekit.RpcAck{RequestId: id}}}
	raw, err := proto.Marshal(ack)
	if err != nil {
		return nil
	}
	p.out.put(raw)
	proto.Reset(packet)
	packet.Value = &livekit.DataPacket_RpcResponse{RpcResponse: &livekit.RpcResponse{
		RequestId: id, Value: &livekit.RpcResponse_Error{Error: e},
	}}
	return []*outbox{p.out}
}

// hiddenSender returns the identity that a packet of p's, which is hidden, is sent under: none, but for calls. A call is
// sent under a name by which it is answered, and an answer under the identity that the caller has named: clients take
// streams of nobody else. See Room.receivers for calls that name nobody.
func (p *Participant) hiddenSender(packet *livekit.DataPacket) string {
	if _, calls := callID(packet); calls {
		if p.caller == "" {
			p.caller = newID(callerPrefix)
			p.room.callers[p.caller] = p
		}
		return p.caller
	}
	if packet.GetStreamHeader().GetTopic() == rpcResponseTopic && len(packet.DestinationIdentities) == 1 {
		return p.identity()
	}
	return ""
}
