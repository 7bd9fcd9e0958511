package api

import (
	"context"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/types/known/emptypb"
)

// sipService implements livekit.SIP (docs/protocol.md, 9.6). Telephony is not implemented: lists are empty, named
// objects do not exist, and creating anything fails.
type sipService struct{}

func (sipService) ListSIPTrunk(_ context.Context, _ *livekit.ListSIPTrunkRequest) (*livekit.ListSIPTrunkResponse, error) {
	return &livekit.ListSIPTrunkResponse{}, nil
}

func (sipService) ListSIPInboundTrunk(_ context.Context, _ *livekit.ListSIPInboundTrunkRequest) (*livekit.ListSIPInboundTrunkResponse, error) {
	return &livekit.ListSIPInboundTrunkResponse{}, nil
}

func (sipService) ListSIPOutboundTrunk(_ context.Context, _ *livekit.ListSIPOutboundTrunkRequest) (*livekit.ListSIPOutboundTrunkResponse, error) {
	return &livekit.ListSIPOutboundTrunkResponse{}, nil
}

func (sipService) ListSIPDispatchRule(_ context.Context, _ *livekit.ListSIPDispatchRuleRequest) (*livekit.ListSIPDispatchRuleResponse, error) {
	return &livekit.ListSIPDispatchRuleResponse{}, nil
}

func (sipService) CreateSIPInboundTrunk(_ context.Context, _ *livekit.CreateSIPInboundTrunkRequest) (*livekit.SIPInboundTrunkInfo, error) {
	return nil, errSIPUnsupported
}

func (sipService) CreateSIPOutboundTrunk(_ context.Context, _ *livekit.CreateSIPOutboundTrunkRequest) (*livekit.SIPOutboundTrunkInfo, error) {
	return nil, errSIPUnsupported
}

func (sipService) CreateSIPDispatchRule(_ context.Context, _ *livekit.CreateSIPDispatchRuleRequest) (*livekit.SIPDispatchRuleInfo, error) {
	return nil, errSIPUnsupported
}

func (sipService) UpdateSIPInboundTrunk(_ context.Context, _ *livekit.UpdateSIPInboundTrunkRequest) (*livekit.SIPInboundTrunkInfo, error) {
	return nil, errTrunkUnknown
}

func (sipService) UpdateSIPOutboundTrunk(_ context.Context, _ *livekit.UpdateSIPOutboundTrunkRequest) (*livekit.SIPOutboundTrunkInfo, error) {
	return nil, errTrunkUnknown
}

func (sipService) GetSIPInboundTrunk(_ context.Context, _ *livekit.GetSIPInboundTrunkRequest) (*livekit.GetSIPInboundTrunkResponse, error) {
	return nil, errTrunkUnknown
}

func (sipService) GetSIPOutboundTrunk(_ context.Context, _ *livekit.GetSIPOutboundTrunkRequest) (*livekit.GetSIPOutboundTrunkResponse, error) {
	return nil, errTrunkUnknown
}

func (sipService) DeleteSIPTrunk(_ context.Context, _ *livekit.DeleteSIPTrunkRequest) (*livekit.SIPTrunkInfo, error) {
	return nil, errTrunkUnknown
}

func (sipService) UpdateSIPDispatchRule(_ context.Context, _ *livekit.UpdateSIPDispatchRuleRequest) (*livekit.SIPDispatchRuleInfo, error) {
	return nil, errRuleUnknown
}

func (sipService) DeleteSIPDispatchRule(_ context.Context, _ *livekit.DeleteSIPDispatchRuleRequest) (*livekit.SIPDispatchRuleInfo, error) {
	return nil, errRuleUnknown
}

func (sipService) CreateSIPParticipant(_ context.Context, _ *livekit.CreateSIPParticipantRequest) (*livekit.SIPParticipantInfo, error) {
	return nil, errSIPUnsupported
}

func (sipService) TransferSIPParticipant(ctx context.Context, req *livekit.TransferSIPParticipantRequest) (*emptypb.Empty, error) {
	if err := authorizeRoom(ctx, req.RoomName); err != nil {
		return nil, err
	}
	return nil, errCallerUnknown
}
