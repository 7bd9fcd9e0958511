package api

import (
	"context"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// dispatchService is livekit.AgentDispatchService (livekit-protocol.md, 9.3).
type dispatchService struct{ rooms *rtc.Rooms }

func (s *dispatchService) CreateDispatch(ctx context.Context, req *livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	if err := mayAdmin(ctx, req.Room); err != nil {
		return nil, err
	}
	return nil, errNoAgents
}

func (s *dispatchService) DeleteDispatch(ctx context.Context, req *livekit.DeleteAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	if err := mayAdmin(ctx, req.Room); err != nil {
		return nil, err
	}
	if err := s.rooms.Exists(ctx, req.Room); err != nil {
		return nil, err
	}
	return nil, errDispatchGone
}

func (s *dispatchService) ListDispatch(ctx context.Context, req *livekit.ListAgentDispatchRequest) (*livekit.ListAgentDispatchResponse, error) {
	if err := mayAdmin(ctx, req.Room); err != nil {
		return nil, err
	}
	return &livekit.ListAgentDispatchResponse{}, s.rooms.Exists(ctx, req.Room)
}
