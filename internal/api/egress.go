package api

import (
	"context"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// egressService is livekit.Egress (docs/protocol.md, 9.4).
type egressService struct{ rooms *rtc.Rooms }

// start refuses what is asked of a room that does not exist with that, and the rest because it cannot be done.
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
