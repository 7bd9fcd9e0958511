package api

import (
	"context"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// egressService is livekit.Egress (livekit-protocol.md, 9.4).
type egressService struct{ rooms *rtc.Rooms }

// start refuses what is asked of a room that does not exist with that, and the rest because it cannot be done.
func (s *egressService) start(ctx context.Context, room string) (*livekit.EgressInfo, error) {
	if err := mayRecord(ctx); err != nil {
		return nil, err
	}
	if room != "" {
		if err := s.rooms.Exists(ctx, room); err != nil {
			return nil, err
		}
	}
	return nil, errNoRecorder
}

// find is for what is asked of an egress: there is none.
func (s *egressService) find(ctx context.Context) (*livekit.EgressInfo, error) {
	if err := mayRecord(ctx); err != nil {
		return nil, err
	}
	return nil, errEgressUnknown
}

func (s *egressService) StartEgress(ctx context.Context, req *livekit.StartEgressRequest) (*livekit.EgressInfo, error) {
	return s.start(ctx, req.RoomName)
}

func (s *egressService) StartRoomCompositeEgress(ctx context.Context, req *livekit.RoomCompositeEgressRequest) (*livekit.EgressInfo, error) {
	return s.start(ctx, req.RoomName)
}

func (s *egressService) StartWebEgress(ctx context.Context, _ *livekit.WebEgressRequest) (*livekit.EgressInfo, error) {
	return s.start(ctx, "")
}

func (s *egressService) StartParticipantEgress(ctx context.Context, req *livekit.ParticipantEgressRequest) (*livekit.EgressInfo, error) {
	return s.start(ctx, req.RoomName)
}

func (s *egressService) StartTrackCompositeEgress(ctx context.Context, req *livekit.TrackCompositeEgressRequest) (*livekit.EgressInfo, error) {
	return s.start(ctx, req.RoomName)
}

func (s *egressService) StartTrackEgress(ctx context.Context, req *livekit.TrackEgressRequest) (*livekit.EgressInfo, error) {
	return s.start(ctx, req.RoomName)
}

func (s *egressService) UpdateLayout(ctx context.Context, _ *livekit.UpdateLayoutRequest) (*livekit.EgressInfo, error) {
	return s.find(ctx)
}

func (s *egressService) UpdateStream(ctx context.Context, _ *livekit.UpdateStreamRequest) (*livekit.EgressInfo, error) {
	return s.find(ctx)
}

func (s *egressService) ListEgress(ctx context.Context, _ *livekit.ListEgressRequest) (*livekit.ListEgressResponse, error) {
	if err := mayRecord(ctx); err != nil {
		return nil, err
	}
	return &livekit.ListEgressResponse{}, nil
}

func (s *egressService) StopEgress(ctx context.Context, _ *livekit.StopEgressRequest) (*livekit.EgressInfo, error) {
	return s.find(ctx)
}
