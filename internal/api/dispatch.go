package api

import (
	"context"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// Dispatcher knows which agents are to be in which room.
type Dispatcher interface {
	// Check tells what is wrong with agents that a room is to be made with.
	Check([]*livekit.RoomAgentDispatch) error
	Create(*livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error)
	Delete(room, id string) (*livekit.AgentDispatch, error)
	List(room, id string) []*livekit.AgentDispatch
}

// dispatchService is livekit.AgentDispatchService (docs/protocol.md, 9.3).
type dispatchService struct {
	rooms      *rtc.Rooms
	dispatcher Dispatcher
}

// CreateDispatch makes the room if need be.
func (s *dispatchService) CreateDispatch(ctx context.Context, req *livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	ordered := &livekit.RoomAgentDispatch{AgentName: req.AgentName, Metadata: req.Metadata, Attributes: req.Attributes, Deployment: req.Deployment}
	if err := s.dispatcher.Check([]*livekit.RoomAgentDispatch{ordered}); err != nil {
		return nil, err // before a room is made for it
	}
	if _, err := s.rooms.Create(ctx, req.Room, nil); err != nil {
		return nil, err
	}
	return s.dispatcher.Create(req)
}

func (s *dispatchService) DeleteDispatch(ctx context.Context, req *livekit.DeleteAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return s.dispatcher.Delete(req.Room, req.DispatchId)
}

func (s *dispatchService) ListDispatch(ctx context.Context, req *livekit.ListAgentDispatchRequest) (*livekit.ListAgentDispatchResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	if err := s.rooms.Exists(ctx, req.Room); err != nil {
		return nil, err
	}
	return &livekit.ListAgentDispatchResponse{AgentDispatches: s.dispatcher.List(req.Room, req.DispatchId)}, nil
}
