package rtc

import (
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// Calls between participants (docs/protocol.md, 6.3) are forwarded as data, with two exceptions. The server itself refuses
// a call that cannot be answered; otherwise the caller would wait 7 s, and the method might run. And hidden participants,
// whose packets carry no sender, can call and answer.

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

// callError returns why the participant's call to these identities cannot be answered, or nil.
func (d *dataTransfer) callError(to []string) *livekit.RpcError {
	p := d.p
	if !p.info.Permission.GetCanPublishData() {
		return &livekit.RpcError{Code: RPCSendFailed, Message: "Failed to send: you may not publish data"}
	}
	for _, identity := range to {
		switch o := p.room.participants[identity]; {
		case o == nil || o == p, o.hidden() && !o.info.Permission.GetCanPublishData(): // no error reveals who is hidden
			return &livekit.RpcError{Code: RPCRecipientNotFound, Message: "Recipient not found"}
		case o.forwarding.source != nil:
			return &livekit.RpcError{Code: RPCRecipientNotFound, Message: errCallForwarded.Message}
		case !o.info.Permission.GetCanPublishData():
			return &livekit.RpcError{
				Code:    RPCUnsupportedMethod,
				Message: "Method not supported at destination: the recipient may not publish data, so it cannot answer",
			}
		}
	}
	return nil
}

// refuseCall turns the participant's call into the server's answer to it, and returns the answer's receivers. Some
// clients read a response only after an acknowledgement.
func (d *dataTransfer) refuseCall(packet *livekit.DataPacket, id string, e *livekit.RpcError) []*outbox {
	ack := &livekit.DataPacket{Value: &livekit.DataPacket_RpcAck{RpcAck: &livekit.RpcAck{RequestId: id}}}
	raw, err := proto.Marshal(ack)
	if err != nil {
		return nil
	}
	d.out.put(raw)
	proto.Reset(packet)
	packet.Value = &livekit.DataPacket_RpcResponse{RpcResponse: &livekit.RpcResponse{
		RequestId: id, Value: &livekit.RpcResponse_Error{Error: e},
	}}
	return []*outbox{d.out}
}

// hiddenSender returns the identity in a packet of a hidden participant: "" except for calls. A call carries a made-up
// name that it can be answered to. An answer carries the participant's identity, because the caller accepts the answer's
// stream only from the identity it called. See Room.receivers for calls to everybody.
func (d *dataTransfer) hiddenSender(packet *livekit.DataPacket) string {
	if _, calls := callID(packet); calls {
		if d.callerAlias == "" {
			d.callerAlias = newID(callerPrefix)
			d.p.room.callerAliases[d.callerAlias] = d.p
		}
		return d.callerAlias
	}
	if packet.GetStreamHeader().GetTopic() == rpcResponseTopic && len(packet.DestinationIdentities) == 1 {
		return d.p.identity()
	}
	return ""
}
