package api

import (
	"context"

	"github.com/livekit/protocol/livekit"
)

// ingressService is livekit.Ingress (livekit-protocol.md, 9.5).
type ingressService struct{}

func (ingressService) CreateIngress(ctx context.Context, req *livekit.CreateIngressRequest) (*livekit.IngressInfo, error) {
	if err := mayIngress(ctx); err != nil {
		return nil, err
	}
	if req.ParticipantIdentity == "" {
		return nil, errIngressEmpty
	}
	return nil, errNoIngress
}

func (ingressService) UpdateIngress(ctx context.Context, _ *livekit.UpdateIngressRequest) (*livekit.IngressInfo, error) {
	if err := mayIngress(ctx); err != nil {
		return nil, err
	}
	return nil, errIngressUnknown
}

func (ingressService) ListIngress(ctx context.Context, _ *livekit.ListIngressRequest) (*livekit.ListIngressResponse, error) {
	if err := mayIngress(ctx); err != nil {
		return nil, err
	}
	return &livekit.ListIngressResponse{}, nil
}

func (ingressService) DeleteIngress(ctx context.Context, _ *livekit.DeleteIngressRequest) (*livekit.IngressInfo, error) {
	if err := mayIngress(ctx); err != nil {
		return nil, err
	}
	return nil, errIngressUnknown
}
