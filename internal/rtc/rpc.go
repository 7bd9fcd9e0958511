package rtc

import (
	"context"
	"fmt"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file implements calls from the server to methods of participants (docs/protocol.md, 6.3).

// Codes of an RPCError. Codes below 1400 and above 1599 belong to the application.
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

// RPCError is the error of a failed call: the participant's error response, or the reason why there is no response.
type RPCError struct {
	Code          uint32
	Message, Data string
}

// Error returns the code, message and data.
func (e *RPCError) Error() string {
	text := fmt.Sprintf("RpcError %d: %s", e.Code, e.Message)
	if e.Data != "" {
		text += ": " + e.Data
	}
	return text
}

const (
	// maxRPCPayload is the maximum size in bytes of the payload of a request or response. maxRPCMessage is the maximum
	// size in bytes of the text of an error. Clients have the same limits.
	maxRPCPayload = 15 << 10
	maxRPCMessage = 256
	// rpcAckTime is the time in which a participant must acknowledge a call; clients do so immediately.
	rpcAckTime = 2 * time.Second
	// rpcDefaultTime is the default time limit of a call. rpcMinTimeout is the minimum time that the called
	// participant gets for its response. If the limit of the call is shorter, the participant gets that limit.
	rpcDefaultTime = 10 * time.Second
	rpcMinTimeout  = time.Second
	// maxRPCs is the maximum number of calls of a room that wait for a response.
	maxRPCs = 1024

	rpcVersion  = 1 // the payload is in the request itself
	rpcIDPrefix = "RPC_"
)

// errCallForwarded answers a call to a participant that is forwarded from another room. It has no connection in this
// room, so it cannot be called here.
var errCallForwarded = &RPCError{Code: RPCRecipientNotFound, Message: "Recipient not found: it is forwarded from another room; call it there"}

var errManyRPCs = fault.New(fault.Exhausted, "too many calls to participants of this room are waiting for a response; try again later")

// rpcCall is a call that waits for its response. Its channels are buffered, so the loop does not block on them.
type rpcCall struct {
	to     *Participant
	acked  chan struct{}
	answer chan rpcAnswer
}

// rpcAnswer is the outcome of a call: the response's payload, or an error.
type rpcAnswer struct {
	payload string
	err     error
}

// PerformRPC calls a method of a participant and returns the response's payload. limit is the maximum time for the
// call; zero means the default of LiveKit's clients, 10 s.
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
		// The client sends its response to this identity, so it must not be the identity of a participant.
		ParticipantIdentity: id, DestinationIdentities: []string{identity},
		Value: &livekit.DataPacket_RpcRequest{RpcRequest: &livekit.RpcRequest{
			Id: id, Method: method, Payload: payload, Version: rpcVersion,
			ResponseTimeoutMs: uint32(min(limit, max(limit-rpcAckTime, rpcMinTimeout)).Milliseconds()),
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
		r.rpcs[id] = call // before sending, because the response may arrive quickly
		p.data.out.put(raw)
		return nil
	})
	if err != nil {
		return "", err
	}
	defer r.loop.Post(func() { delete(r.rpcs, id) })
	return call.wait(ctx, limit)
}

// wait returns the response, or the reason why none came in time.
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

// handleRPCAnswer reports whether packet answers a call by the server, and passes it to that call. An answer from a
// participant that was not called is ignored.
func (d *dataTransfer) handleRPCAnswer(packet *livekit.DataPacket) bool {
	switch v := packet.Value.(type) {
	case *livekit.DataPacket_RpcAck:
		call := d.p.room.rpcs[v.RpcAck.GetRequestId()]
		if call != nil && call.to == d.p {
			select {
			case call.acked <- struct{}{}:
			default: // the call was already acknowledged
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

// rpcAnswerOf converts a response and limits its size.
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

// finish delivers the first answer to the call. Later ones are dropped.
func (c *rpcCall) finish(a rpcAnswer) {
	select {
	case c.answer <- a:
	default:
	}
}

// failPendingRPCs ends the server's calls to the participant, which is leaving.
func (d *dataTransfer) failPendingRPCs() {
	for id, call := range d.p.room.rpcs {
		if call.to == d.p {
			call.finish(rpcAnswer{err: &RPCError{Code: RPCRecipientDisconnected, Message: "Recipient disconnected"}})
			delete(d.p.room.rpcs, id)
		}
	}
}
