package client

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// protocolVersion is the newest signalling protocol version of LiveKit 1.13.
const protocolVersion = 17

// clientVersion is the SDK version sent to the server. Servers use it only to work around bugs in old releases.
const clientVersion = "2.18.0"

// joinURL returns the URL of the signalling socket. resumeSID is the SID of the participant to resume, or "" to join.
func joinURL(server string, opts *Options, offer *livekit.SessionDescription, resumeSID string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("parse server URL: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss":
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("the server URL %q must begin with ws, wss, http or https", server)
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/rtc"
	q := url.Values{}
	if !opts.SinglePC {
		q = joinQuery(opts, resumeSID)
	} else {
		u.Path += "/v1"
		req, err := joinRequest(opts, offer, resumeSID)
		if err != nil {
			return "", err
		}
		q.Set("join_request", req)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// info returns the client description that is sent to the server.
func (o *Options) info() *livekit.ClientInfo {
	if o.ClientInfo != nil {
		return o.ClientInfo
	}
	return &livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Version: clientVersion, Protocol: protocolVersion}
}

// joinQuery returns the URL parameters to join or resume with two peer connections.
func joinQuery(opts *Options, resumeSID string) url.Values {
	q := url.Values{}
	info := opts.info()
	q.Set("protocol", strconv.Itoa(int(info.Protocol)))
	q.Set("sdk", strings.ToLower(info.Sdk.String()))
	q.Set("version", info.Version)
	if info.ClientProtocol != 0 {
		q.Set("client_protocol", strconv.Itoa(int(info.ClientProtocol)))
	}
	if len(info.Capabilities) > 0 {
		names := make([]string, len(info.Capabilities))
		for i, c := range info.Capabilities {
			names[i] = c.String()
		}
		q.Set("capabilities", strings.Join(names, ","))
	}
	if info.Browser != "" {
		q.Set("browser", info.Browser)
	}
	q.Set("auto_subscribe", strconv.FormatBool(!opts.NoAutoSubscribe))
	q.Set("adaptive_stream", strconv.FormatBool(opts.AdaptiveStream))
	if resumeSID != "" {
		q.Set("reconnect", "1")
		q.Set("sid", resumeSID)
		q.Set("reconnect_reason", strconv.Itoa(int(livekit.ReconnectReason_RR_SIGNAL_DISCONNECTED)))
	}
	return q
}

// joinRequest returns the join_request parameter for a single peer connection: a compressed JoinRequest in Base64.
func joinRequest(opts *Options, offer *livekit.SessionDescription, resumeSID string) (string, error) {
	req := &livekit.JoinRequest{
		ClientInfo: opts.info(),
		ConnectionSettings: &livekit.ConnectionSettings{
			AutoSubscribe: !opts.NoAutoSubscribe, AdaptiveStream: opts.AdaptiveStream,
		},
		PublisherOffer: offer,
	}
	if resumeSID != "" {
		req.Reconnect = true
		req.ReconnectReason = livekit.ReconnectReason_RR_SIGNAL_DISCONNECTED
		req.ParticipantSid = resumeSID
	}
	raw, err := proto.Marshal(req)
	if err != nil {
		return "", fmt.Errorf("encode join request: %w", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(raw); err != nil {
		return "", fmt.Errorf("compress join request: %w", err)
	}
	if err := zip.Close(); err != nil {
		return "", fmt.Errorf("compress join request: %w", err)
	}
	wrapped, err := proto.Marshal(&livekit.WrappedJoinRequest{
		Compression: livekit.WrappedJoinRequest_GZIP, JoinRequest: packed.Bytes(),
	})
	if err != nil {
		return "", fmt.Errorf("encode join request: %w", err)
	}
	return base64.URLEncoding.EncodeToString(wrapped), nil
}
