package api

import (
	"context"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// egressService implements livekit.Egress (docs/protocol.md, 9.4). Recording is not implemented: starting an egress
// fails, and the list of egresses is empty.
type egressService struct{ rooms *rtc.Rooms }

// refuseStart returns the error for a request to start an egress of a room: the room does not exist, or egress is not
// implemented. room is "" if the egress is not about a room.
func (s *egressService) refuseStart(ctx context.Context, room string) (*livekit.EgressInfo, error) {
	if room != "" {
		if err := s.rooms.Exists(ctx, room); err != nil {
			return nil, err
		}
	}
	return nil, errEgressUnsupported
}

func (s *egressService) StartEgress(ctx context.Context, req *livekit.StartEgressRequest) (*livekit.EgressInfo, error) {
	return s.refuseStart(ctx, req.RoomName)
}

func (s *egressService) StartRoomCompositeEgress(ctx context.Context, req *livekit.RoomCompositeEgressRequest) (*livekit.EgressInfo, error) {
	return s.refuseStart(ctx, req.RoomName)
}

func (s *egressService) StartWebEgress(ctx context.Context, _ *livekit.WebEgressRequest) (*livekit.EgressInfo, error) {
	return s.refuseStart(ctx, "")
}

func (s *egressService) StartParticipantEgress(ctx context.Context, req *livekit.ParticipantEgressRequest) (*livekit.EgressInfo, error) {
	return s.refuseStart(ctx, req.RoomName)
}

func (s *egressService) StartTrackCompositeEgress(ctx context.Context, req *livekit.TrackCompositeEgressRequest) (*livekit.EgressInfo, error) {
	return s.refuseStart(ctx, req.RoomName)
}

func (s *egressService) StartTrackEgress(ctx context.Context, req *livekit.TrackEgressRequest) (*livekit.EgressInfo, error) {
	return s.refuseStart(ctx, req.RoomName)
}

func (*egressService) UpdateLayout(context.Context, *livekit.UpdateLayoutRequest) (*livekit.EgressInfo, error) {
	return nil, errEgressUnknown
}

func (*egressService) UpdateStream(context.Context, *livekit.UpdateStreamRequest) (*livekit.EgressInfo, error) {
	return nil, errEgressUnknown
}

func (*egressService) ListEgress(context.Context, *livekit.ListEgressRequest) (*livekit.ListEgressResponse, error) {
	return &livekit.ListEgressResponse{}, nil
}

func (*egressService) StopEgress(context.Context, *livekit.StopEgressRequest) (*livekit.EgressInfo, error) {
	return nil, errEgressUnknown
}
