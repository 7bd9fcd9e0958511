package rtc

import (
	"context"
	"fmt"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file calls participants' methods for the server (docs/protocol.md, 6.3).

// Codes of an RPCError; numbers below 1400 and above 1599 are the application's own.
const (
	RPCUnsupportedMethod     = 1400
	RPCRecipientNotFound     = 1401
	RPCRequestTooLarge       = 1402
	RPCUnsupportedServer     = 1403
	RPCUnsupportedVersion    = 1404
	RPCApplicationError      = 1500
	RPCConnectionTimeout     = 1501
	RPCResponseTimeout       = 1502
	RPCRecipientDisconnected = 1503
	RPCResponseTooLarge      = 1504
	RPCSendFailed            = 1505
)

// RPCError is the error of a call that did not succeed: the participant's answer, or the reason why there is none.
type RPCError struct {
	Code          uint32
	Message, Data string
}

func (e *RPCError) Error() string {
	text := fmt.Sprintf("RpcError %d: %s", e.Code, e.Message)
	if e.Data != "" {
		text += ": " + e.Data
	}
	return text
}

const (
	// maxRPCPayload bounds both directions in bytes, maxRPCMessage the text of an error. Clients have the same bounds.
	maxRPCPayload = 15 << 10
	maxRPCMessage = 256
	// rpcAckTime is how long a participant may take to acknowledge the call, which clients do at once.
	rpcAckTime = 2 * time.Second
	// rpcDefaultTime is how long an answer may take by default, rpcLeastTime how long the participant gets at least.
	rpcDefaultTime = 10 * time.Second
	rpcLeastTime   = time.Second
	// maxRPCs bounds the calls of a room that wait for an answer.
	maxRPCs = 1024

	rpcVersion  = 1 // the payload is in the request itself
	rpcIDPrefix = "RPC_"
)

// errCallForwarded answers a call to a participant that has no connection in the room.
var errCallForwarded = &RPCError{Code: RPCRecipientNotFound, Message: "Recipient not found: it is forwarded from another room; call it there"}

var errManyRPCs = fault.New(fault.Exhausted, "too many calls to participants of this room wait for an answer")

// rpcCall is a call that waits for its answer. Its channels have room for what the loop sends.
type rpcCall struct {
	to     *Participant
	acked  chan struct{}
	answer chan rpcAnswer
}

type rpcAnswer struct {
	payload string
	err     error
}

// PerformRPC calls a method of a participant and waits for the answer. A zero limit means that of LiveKit's clients.
func (rs *Rooms) PerformRPC(ctx context.Context, room, identity, method, payload string, limit time.Duration) (string, error) {
	if len(payload) > maxRPCPayload {
		return "", &RPCError{Code: RPCRequestTooLarge, Message: "Request payload too large"}
	}
	if limit <= 0 {
		limit = rpcDefaultTime
	}
	id := newID(rpcIDPrefix)
	packet := &livekit.DataPacket{
		Kind: livekit.DataPacket_RELIABLE,
		// The client answers the identity named here, so no participant may have it.
		ParticipantIdentity: id, DestinationIdentities: []string{identity},
		Value: &livekit.DataPacket_RpcRequest{RpcRequest: &livekit.RpcRequest{
			Id: id, Method: method, Payload: payload, Version: rpcVersion,
			ResponseTimeoutMs: uint32(min(limit, max(limit-rpcAckTime, rpcLeastTime)).Milliseconds()),
		}},
	}
	raw, err := proto.Marshal(packet)
	if err != nil || len(raw) > maxForwarded {
		return "", &RPCError{Code: RPCRequestTooLarge, Message: "Request payload too large"}
	}
	call := &rpcCall{acked: make(chan struct{}, 1), answer: make(chan rpcAnswer, 1)}
	var r *Room
	_, err = rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		switch {
		case p.forwarding.source != nil:
			return errCallForwarded
		case len(p.room.rpcs) >= maxRPCs:
			return errManyRPCs
		}
		call.to, r = p, p.room
		r.rpcs[id] = call // before it is sent: the answer may be quick
		p.data.out.put(raw)
		return nil
	})
	if err != nil {
		return "", err
	}
	defer r.loop.Post(func() { delete(r.rpcs, id) })
	return call.wait(ctx, limit)
}

// wait returns the answer, or the reason why none came in time.
func (c *rpcCall) wait(ctx context.Context, limit time.Duration) (string, error) {
	end, ack := time.NewTimer(limit), time.NewTimer(rpcAckTime)
	defer end.Stop()
	defer ack.Stop()
	acked := c.acked
	for {
		select {
		case a := <-c.answer:
			return a.payload, a.err
		case <-acked:
			ack.Stop()
			acked = nil
		case <-ack.C:
			return "", &RPCError{Code: RPCConnectionTimeout, Message: "Connection timeout"}
		case <-end.C:
			return "", &RPCError{Code: RPCResponseTimeout, Message: "Response timeout"}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// handleRPCAnswer reports whether the packet answers a call of the server, and passes it to that call. An answer of another
// participant than the called one is ignored.
func (d *dataTransfer) handleRPCAnswer(packet *livekit.DataPacket) bool {
	switch v := packet.Value.(type) {
	case *livekit.DataPacket_RpcAck:
		call := d.p.room.rpcs[v.RpcAck.GetRequestId()]
		if call != nil && call.to == d.p {
			select {
			case call.acked <- struct{}{}:
			default: // it was acknowledged already
			}
		}
		return call != nil
	case *livekit.DataPacket_RpcResponse:
		call := d.p.room.rpcs[v.RpcResponse.GetRequestId()]
		if call != nil && call.to == d.p {
			call.finish(rpcAnswerOf(v.RpcResponse))
		}
		return call != nil
	}
	return false
}

func rpcAnswerOf(m *livekit.RpcResponse) rpcAnswer {
	e := m.GetError()
	switch {
	case e != nil:
		return rpcAnswer{err: &RPCError{
			Code: e.Code, Message: e.Message[:min(len(e.Message), maxRPCMessage)], Data: e.Data[:min(len(e.Data), maxRPCPayload)],
		}}
	case len(m.GetPayload()) > maxRPCPayload:
		return rpcAnswer{err: &RPCError{Code: RPCResponseTooLarge, Message: "Response payload too large"}}
	}
	return rpcAnswer{payload: m.GetPayload()}
}

// finish passes on the first answer. Later ones are dropped.
func (c *rpcCall) finish(a rpcAnswer) {
	select {
	case c.answer <- a:
	default:
	}
}

// failPendingRPCs ends the calls that wait for the participant, which is leaving.
func (d *dataTransfer) failPendingRPCs() {
	for id, call := range d.p.room.rpcs {
		if call.to == d.p {
			call.finish(rpcAnswer{err: &RPCError{Code: RPCRecipientDisconnected, Message: "Recipient disconnected"}})
			delete(d.p.room.rpcs, id)
		}
	}
}
