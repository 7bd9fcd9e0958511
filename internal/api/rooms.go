package api

import (
	"context"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/rtc"
)

// roomService implements livekit.RoomService (docs/protocol.md, 9.2).
type roomService struct {
	rooms        *rtc.Rooms
	agents       Dispatcher
	remoteUnmute bool
}

var (
	errPreset      = twirp.NewError(twirp.InvalidArgument, "this server has no room preset with this name")
	errDestination = twirp.NewError(twirp.InvalidArgument, "destination identity is required")
	errUnmute      = twirp.NewError(twirp.FailedPrecondition, "remote unmute not enabled")
	errEgressRoom  = twirp.NewError(twirp.InvalidArgument, "egress.room.room_name must be the name of the room")
)

func (s *roomService) CreateRoom(ctx context.Context, req *livekit.CreateRoomRequest) (*livekit.Room, error) {
	if req.RoomPreset != "" {
		return nil, errPreset
	}
	if name := req.GetEgress().GetRoom().GetRoomName(); name != "" && name != req.Name {
		return nil, errEgressRoom
	}
	if err := s.agents.Check(req.Agents); err != nil {
		return nil, err
	}
	return s.rooms.Create(ctx, req.Name, &livekit.RoomConfiguration{
		Name: req.Name, EmptyTimeout: req.EmptyTimeout, DepartureTimeout: req.DepartureTimeout, MaxParticipants: req.MaxParticipants,
		Metadata: req.Metadata, Egress: req.Egress, MinPlayoutDelay: req.MinPlayoutDelay, MaxPlayoutDelay: req.MaxPlayoutDelay,
		SyncStreams: req.SyncStreams, Agents: req.Agents, Tags: req.Tags,
	})
}

func (s *roomService) ListRooms(ctx context.Context, req *livekit.ListRoomsRequest) (*livekit.ListRoomsResponse, error) {
	rooms, err := s.rooms.List(ctx, req.Names)
	return &livekit.ListRoomsResponse{Rooms: rooms}, err
}

func (s *roomService) DeleteRoom(ctx context.Context, req *livekit.DeleteRoomRequest) (*livekit.DeleteRoomResponse, error) {
	return &livekit.DeleteRoomResponse{}, s.rooms.Delete(ctx, req.Room)
}

func (s *roomService) UpdateRoomMetadata(ctx context.Context, req *livekit.UpdateRoomMetadataRequest) (*livekit.Room, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return s.rooms.SetMetadata(ctx, req.Room, req.Metadata)
}

func (s *roomService) SendData(ctx context.Context, req *livekit.SendDataRequest) (*livekit.SendDataResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return &livekit.SendDataResponse{}, s.rooms.SendData(ctx, req.Room, &livekit.DataPacket{
		Kind: req.Kind, DestinationIdentities: req.DestinationIdentities,
		Value: &livekit.DataPacket_User{User: &livekit.UserPacket{
			Payload: req.Data, Topic: req.Topic, Nonce: req.Nonce,
			DestinationSids: req.DestinationSids, DestinationIdentities: req.DestinationIdentities,
		}},
	})
}

func (s *roomService) ListParticipants(ctx context.Context, req *livekit.ListParticipantsRequest) (*livekit.ListParticipantsResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	list, err := s.rooms.Participants(ctx, req.Room)
	return &livekit.ListParticipantsResponse{Participants: list}, err
}

func (s *roomService) GetParticipant(ctx context.Context, req *livekit.RoomParticipantIdentity) (*livekit.ParticipantInfo, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return s.rooms.Participant(ctx, req.Room, req.Identity)
}

func (s *roomService) RemoveParticipant(ctx context.Context, req *livekit.RoomParticipantIdentity) (*livekit.RemoveParticipantResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return &livekit.RemoveParticipantResponse{}, s.rooms.Remove(ctx, req.Room, req.Identity, unixTime(req.RevokeTokenTs))
}

// latestSeconds is the largest timestamp that is read as seconds. It is in the year 5138. Larger timestamps are read as
// milliseconds, because LiveKit's Rust SDK documents milliseconds as the unit.
const latestSeconds = 100_000_000_000

// unixTime converts a Unix timestamp in seconds or milliseconds. 0 becomes the zero time.
func unixTime(ts int64) time.Time {
	switch {
	case ts == 0:
		return time.Time{}
	case ts > latestSeconds:
		return time.UnixMilli(ts)
	}
	return time.Unix(ts, 0)
}

func (s *roomService) UpdateSubscriptions(ctx context.Context, req *livekit.UpdateSubscriptionsRequest) (*livekit.UpdateSubscriptionsResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return &livekit.UpdateSubscriptionsResponse{}, s.rooms.Subscribe(ctx, req.Room, req.Identity, &livekit.UpdateSubscription{
		TrackSids: req.TrackSids, Subscribe: req.Subscribe, ParticipantTracks: req.ParticipantTracks,
	})
}

func (s *roomService) PerformRpc(ctx context.Context, req *livekit.PerformRpcRequest) (*livekit.PerformRpcResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	if req.DestinationIdentity == "" {
		return nil, errDestination
	}
	limit := time.Duration(req.ResponseTimeoutMs) * time.Millisecond
	payload, err := s.rooms.PerformRPC(ctx, req.Room, req.DestinationIdentity, req.Method, req.Payload, limit)
	return &livekit.PerformRpcResponse{Payload: payload}, err
}

func (s *roomService) MutePublishedTrack(ctx context.Context, req *livekit.MuteRoomTrackRequest) (*livekit.MuteRoomTrackResponse, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	if !req.Muted && !s.remoteUnmute {
		if _, err := s.rooms.Participant(ctx, req.Room, req.Identity); err != nil {
			return nil, err
		}
		return nil, errUnmute
	}
	track, err := s.rooms.Mute(ctx, req.Room, req.Identity, req.TrackSid, req.Muted)
	return &livekit.MuteRoomTrackResponse{Track: track}, err
}

func (s *roomService) UpdateParticipant(ctx context.Context, req *livekit.UpdateParticipantRequest) (*livekit.ParticipantInfo, error) {
	if err := authorizeRoom(ctx, req.Room); err != nil {
		return nil, err
	}
	return s.rooms.Update(ctx, req.Room, req.Identity, rtc.Change{
		Name: req.Name, Metadata: req.Metadata, Attributes: req.Attributes, Permission: req.Permission,
	})
}

func (s *roomService) ForwardParticipant(ctx context.Context, req *livekit.ForwardParticipantRequest) (*livekit.ForwardParticipantResponse, error) {
	if err := authorizeTransfer(ctx, req.Room, req.DestinationRoom); err != nil {
		return nil, err
	}
	return &livekit.ForwardParticipantResponse{}, s.rooms.Forward(ctx, req.Room, req.Identity, req.DestinationRoom)
}

func (s *roomService) MoveParticipant(ctx context.Context, req *livekit.MoveParticipantRequest) (*livekit.MoveParticipantResponse, error) {
	if err := authorizeTransfer(ctx, req.Room, req.DestinationRoom); err != nil {
		return nil, err
	}
	return &livekit.MoveParticipantResponse{}, s.rooms.Move(ctx, req.Room, req.Identity, req.DestinationRoom)
}
