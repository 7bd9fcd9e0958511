package api

import (
	"context"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/types/known/emptypb"
)

// sipService is livekit.SIP (livekit-protocol.md, 9.6). There is no telephony here: lists are empty, what is named does
// not exist, and nothing can be made.
type sipService struct{}

// refuse answers who may administer telephony with err.
func (sipService) refuse(ctx context.Context, err error) error {
	if denied := mayAdminSIP(ctx); denied != nil {
		return denied
	}
	return err
}

func (s sipService) ListSIPTrunk(ctx context.Context, _ *livekit.ListSIPTrunkRequest) (*livekit.ListSIPTrunkResponse, error) {
	return &livekit.ListSIPTrunkResponse{}, mayAdminSIP(ctx)
}

func (s sipService) ListSIPInboundTrunk(ctx context.Context, _ *livekit.ListSIPInboundTrunkRequest) (*livekit.ListSIPInboundTrunkResponse, error) {
	return &livekit.ListSIPInboundTrunkResponse{}, mayAdminSIP(ctx)
}

func (s sipService) ListSIPOutboundTrunk(ctx context.Context, _ *livekit.ListSIPOutboundTrunkRequest) (*livekit.ListSIPOutboundTrunkResponse, error) {
	return &livekit.ListSIPOutboundTrunkResponse{}, mayAdminSIP(ctx)
}

func (s sipService) ListSIPDispatchRule(ctx context.Context, _ *livekit.ListSIPDispatchRuleRequest) (*livekit.ListSIPDispatchRuleResponse, error) {
	return &livekit.ListSIPDispatchRuleResponse{}, mayAdminSIP(ctx)
}

func (s sipService) CreateSIPInboundTrunk(ctx context.Context, _ *livekit.CreateSIPInboundTrunkRequest) (*livekit.SIPInboundTrunkInfo, error) {
	return nil, s.refuse(ctx, errNoSIP)
}

func (s sipService) CreateSIPOutboundTrunk(ctx context.Context, _ *livekit.CreateSIPOutboundTrunkRequest) (*livekit.SIPOutboundTrunkInfo, error) {
	return nil, s.refuse(ctx, errNoSIP)
}

func (s sipService) CreateSIPDispatchRule(ctx context.Context, _ *livekit.CreateSIPDispatchRuleRequest) (*livekit.SIPDispatchRuleInfo, error) {
	return nil, s.refuse(ctx, errNoSIP)
}

func (s sipService) UpdateSIPInboundTrunk(ctx context.Context, _ *livekit.UpdateSIPInboundTrunkRequest) (*livekit.SIPInboundTrunkInfo, error) {
	return nil, s.refuse(ctx, errTrunkUnknown)
}

func (s sipService) UpdateSIPOutboundTrunk(ctx context.Context, _ *livekit.UpdateSIPOutboundTrunkRequest) (*livekit.SIPOutboundTrunkInfo, error) {
	return nil, s.refuse(ctx, errTrunkUnknown)
}

func (s sipService) GetSIPInboundTrunk(ctx context.Context, _ *livekit.GetSIPInboundTrunkRequest) (*livekit.GetSIPInboundTrunkResponse, error) {
	return nil, s.refuse(ctx, errTrunkUnknown)
}

func (s sipService) GetSIPOutboundTrunk(ctx context.Context, _ *livekit.GetSIPOutboundTrunkRequest) (*livekit.GetSIPOutboundTrunkResponse, error) {
	return nil, s.refuse(ctx, errTrunkUnknown)
}

func (s sipService) DeleteSIPTrunk(ctx context.Context, _ *livekit.DeleteSIPTrunkRequest) (*livekit.SIPTrunkInfo, error) {
	return nil, s.refuse(ctx, errTrunkUnknown)
}

func (s sipService) UpdateSIPDispatchRule(ctx context.Context, _ *livekit.UpdateSIPDispatchRuleRequest) (*livekit.SIPDispatchRuleInfo, error) {
	return nil, s.refuse(ctx, errRuleUnknown)
}

func (s sipService) DeleteSIPDispatchRule(ctx context.Context, _ *livekit.DeleteSIPDispatchRuleRequest) (*livekit.SIPDispatchRuleInfo, error) {
	return nil, s.refuse(ctx, errRuleUnknown)
}

func (s sipService) CreateSIPParticipant(ctx context.Context, _ *livekit.CreateSIPParticipantRequest) (*livekit.SIPParticipantInfo, error) {
	if err := mayCall(ctx); err != nil {
		return nil, err
	}
	return nil, errNoSIP
}

func (s sipService) TransferSIPParticipant(ctx context.Context, req *livekit.TransferSIPParticipantRequest) (*emptypb.Empty, error) {
	if err := mayAdmin(ctx, req.RoomName); err != nil {
		return nil, err
	}
	if err := mayCall(ctx); err != nil {
		return nil, err
	}
	return nil, errCallerUnknown
}
