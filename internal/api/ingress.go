package api

import (
	"context"

	"github.com/livekit/protocol/livekit"
)

// ingressService implements livekit.Ingress (docs/protocol.md, 9.5). Ingress is not implemented: creating one fails,
// and the list is empty.
type ingressService struct{}

func (ingressService) CreateIngress(_ context.Context, req *livekit.CreateIngressRequest) (*livekit.IngressInfo, error) {
	if req.ParticipantIdentity == "" {
		return nil, errIngressIdentity
	}
	return nil, errIngressUnsupported
}

func (ingressService) UpdateIngress(_ context.Context, _ *livekit.UpdateIngressRequest) (*livekit.IngressInfo, error) {
	return nil, errIngressUnknown
}

func (ingressService) ListIngress(_ context.Context, _ *livekit.ListIngressRequest) (*livekit.ListIngressResponse, error) {
	return &livekit.ListIngressResponse{}, nil
}

func (ingressService) DeleteIngress(_ context.Context, _ *livekit.DeleteIngressRequest) (*livekit.IngressInfo, error) {
	return nil, errIngressUnknown
}
