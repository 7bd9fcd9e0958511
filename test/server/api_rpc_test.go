package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

// answerRPCs makes g answer RPCs as LiveKit's clients do: it sends an acknowledgement, and then the response that
// respond returns. If respond returns nil, it sends only the acknowledgement.
func answerRPCs(ctx context.Context, g *testClient, respond func(*livekit.RpcRequest) *livekit.RpcResponse) {
	g.setOnData(func(p *livekit.DataPacket) {
		req := p.GetRpcRequest()
		if req == nil {
			return
		}
		reply := func(v *livekit.DataPacket) {
			v.DestinationIdentities = []string{p.ParticipantIdentity}
			_ = g.PublishData(ctx, livekit.DataPacket_RELIABLE, v)
		}
		reply(&livekit.DataPacket{Value: &livekit.DataPacket_RpcAck{RpcAck: &livekit.RpcAck{RequestId: req.Id}}})
		if r := respond(req); r != nil {
			r.RequestId = req.Id
			reply(&livekit.DataPacket{Value: &livekit.DataPacket_RpcResponse{RpcResponse: r}})
		}
	})
}

func TestPerformRpcReturnsTheResponseOrErrorOfTheParticipant(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		// A participant without CanPublishData may still respond to an RPC.
		ada := s.join(ctx, "ada", o, func(g *token.VideoGrant) { g.CanPublishData = new(false) })
		bo := s.join(ctx, "bo", o)
		answerRPCs(ctx, ada, func(req *livekit.RpcRequest) *livekit.RpcResponse {
			switch req.Method {
			case "echo":
				return &livekit.RpcResponse{Value: &livekit.RpcResponse_Payload{Payload: req.Payload}}
			case "hang":
				return nil
			case "own":
				return &livekit.RpcResponse{Value: &livekit.RpcResponse_Error{Error: &livekit.RpcError{Code: 42, Message: "not today", Data: "d"}}}
			}
			return &livekit.RpcResponse{Value: &livekit.RpcResponse_Error{Error: &livekit.RpcError{Code: 1400, Message: "Method not supported at destination"}}}
		})
		call := func(identity, method string, ms uint32) (string, error) {
			r, err := s.rooms.PerformRpc(ctx, &livekit.PerformRpcRequest{
				Room: "room", DestinationIdentity: identity, Method: method, Payload: "päyload", ResponseTimeoutMs: ms,
			})
			return r.GetPayload(), err
		}
		if got, err := call("ada", "echo", 0); err != nil || got != "päyload" {
			t.Errorf("echo: %q, %v", got, err)
		}
		_, err := call("ada", "unheard of", 0)
		wantTwirpError(t, err, twirp.InvalidArgument, "not supported")
		_, err = call("ada", "own", 0)
		wantTwirpError(t, err, twirp.Internal, "RpcError 42: not today: d")
		if e, ok := err.(twirp.Error); ok && (e.Meta("rpc_code") != "42" || e.Meta("rpc_message") != "not today" || e.Meta("rpc_data") != "d") {
			t.Errorf("the error's metadata is %v", e.MetaMap())
		}
		_, err = call("ada", "hang", 200)
		wantTwirpError(t, err, twirp.Canceled, "Response timeout")
		_, err = call("cy", "echo", 0)
		wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
		if got := len(bo.dataTexts()); got != 0 {
			t.Errorf("bo got %d packets", got)
		}
		failed := make(chan error, 1)
		go func() { // ends when the call returns
			_, err := call("ada", "hang", 10_000)
			failed <- err
		}()
		harness.Eventually(ctx, t, "ada receives the request", func() bool {
			ada.mu.Lock()
			defer ada.mu.Unlock()
			return ada.data[len(ada.data)-1].GetRpcRequest().GetResponseTimeoutMs() == 8000
		})
		if err := ada.Leave(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-failed:
			wantTwirpError(t, err, twirp.Unavailable, "disconnected")
		case <-ctx.Done():
			t.Error("the call did not end when the participant left")
		}
	})
}

// A call that the destination does not acknowledge fails after a short time. Responses of other participants are
// ignored.
func TestUnacknowledgedRpcTimesOut(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		ada.setOnData(func(p *livekit.DataPacket) {
			_ = bo.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{Value: &livekit.DataPacket_RpcResponse{
				RpcResponse: &livekit.RpcResponse{RequestId: p.GetRpcRequest().GetId(), Value: &livekit.RpcResponse_Payload{Payload: "forged"}},
			}})
		})
		_, err := s.rooms.PerformRpc(ctx, &livekit.PerformRpcRequest{Room: "room", DestinationIdentity: "ada", Method: "m"})
		wantTwirpError(t, err, twirp.Canceled, "Connection timeout")
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := s.rooms.PerformRpc(short, &livekit.PerformRpcRequest{Room: "room", DestinationIdentity: "ada", Method: "m"}); err == nil {
			t.Error("a caller that gave up got an answer")
		}
	})
}

// The caller sends its deadline in a header defined by Twirp.
func TestPerformRpcTimesOutAtTheDeadlineInTheTwirpHeader(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	s.join(ctx, "ada", client.Options{})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/twirp/livekit.RoomService/PerformRpc",
		strings.NewReader(`{"room":"room","destination_identity":"ada","method":"m"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {inJSON}, "X-Twirp-Timeout-Ms": {"50"}}
	a := s.do(r, s.tokenWith("", allGrants("room", "")))
	if code, _ := a.twirpError(t); a.status != 408 || code != "deadline_exceeded" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
