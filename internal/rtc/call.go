package rtc

import (
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// Remote procedure calls (RPC) between participants are forwarded as data (docs/protocol.md, 6.3), with two exceptions.
// First, the server itself refuses a call that cannot be answered; otherwise the caller would wait for 7 s and the
// method might run.
// Second, hidden participants, whose packets carry no sender, can still call and answer.

const (
	// Version 2 of RPC carries calls and answers in text streams. rpcRequestTopic and rpcResponseTopic are the
	// topics of these streams. rpcRequestID is the stream attribute that holds the ID of the call.
	rpcRequestTopic  = "lk.rpc_request"
	rpcResponseTopic = "lk.rpc_response"
	rpcRequestID     = "lk.rpc_request_id"

	// callerPrefix is the prefix of the random identity under which others see a hidden participant that makes an RPC call.
	callerPrefix = "CALLER_"
)

// callID reports whether packet makes an RPC call, and returns the ID of the call. A call of version 1 is an RpcRequest.
// A call of version 2 is a text stream.
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

// callError checks whether an RPC call from the participant to these identities can be answered. It returns the
// reason why not, or nil.
func (d *dataTransfer) callError(to []string) *livekit.RpcError {
	p := d.p
	if !p.info.Permission.GetCanPublishData() {
		return &livekit.RpcError{Code: RPCSendFailed, Message: "Failed to send: you may not publish data"}
	}
	for _, identity := range to {
		switch o := p.room.participants[identity]; {
		case o == nil || o == p, o.hidden() && !o.info.Permission.GetCanPublishData(): // the error must not reveal hidden participants
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

// refuseCall turns packet, an RPC call by the participant, into an error response from the server. It returns the
// recipient of the response, which is the participant itself. It sends the participant an acknowledgement first,
// because some clients read a response only after an acknowledgement.
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

// hiddenSender returns the sender identity for a packet of a hidden participant:
//   - An RPC call gets a random alias, to which the answer can be sent.
//   - An answer of RPC version 2 gets the participant's real identity, because the caller accepts an answer only from
//     the identity that it called. That caller knows the identity already: a call without a recipient is not sent to
//     hidden participants (see Room.recipients).
//   - Any other packet gets "".
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
