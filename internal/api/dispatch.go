package api

import (
	"context"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// Dispatcher manages the agent dispatches of rooms.
type Dispatcher interface {
	// Check returns an error if the agents are too many for one room, or if one of the requests is not valid.
	Check([]*livekit.RoomAgentDispatch) error
	Create(*livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error)
	Delete(room, id string) (*livekit.AgentDispatch, error)
	List(room, id string) []*livekit.AgentDispatch
}

// dispatchService implements livekit.AgentDispatchService (docs/protocol.md, 9.3).
type dispatchService struct {
	rooms      *rtc.Rooms
	dispatcher Dispatcher
}

// CreateDispatch adds a dispatch to a room. It creates the room if it does not exist.
func (s *dispatchService) CreateDispatch(ctx context.Context, req *livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	requested := &livekit.RoomAgentDispatch{AgentName: req.AgentName, Metadata: req.Metadata, Attributes: req.Attributes, Deployment: req.Deployment}
	if err := s.dispatcher.Check([]*livekit.RoomAgentDispatch{requested}); err != nil {
		return nil, err // before the room is created
	}
	if _, err := s.rooms.Create(ctx, req.Room, nil); err != nil {
		return nil, err
	}
	return s.dispatcher.Create(req)
}

// DeleteDispatch deletes a dispatch and ends its jobs.
func (s *dispatchService) DeleteDispatch(ctx context.Context, req *livekit.DeleteAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return s.dispatcher.Delete(req.Room, req.DispatchId)
}

// ListDispatch returns the dispatches of an existing room.
func (s *dispatchService) ListDispatch(ctx context.Context, req *livekit.ListAgentDispatchRequest) (*livekit.ListAgentDispatchResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	if err := s.rooms.Exists(ctx, req.Room); err != nil {
		return nil, err
	}
	return &livekit.ListAgentDispatchResponse{AgentDispatches: s.dispatcher.List(req.Room, req.DispatchId)}, nil
}
