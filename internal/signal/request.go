package signal

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"meet/internal/decode"
	"meet/internal/fault"
	"meet/internal/rtc"
	"meet/internal/token"
)

// joinRequestLimit is the largest size of a decompressed join request, in bytes (docs/protocol.md, 0.4).
const joinRequestLimit = 1 << 20

var (
	errNoVideo    = fault.New(fault.Unauthenticated, "permissions denied: the token grants nothing in any room")
	errNoJoin     = fault.New(fault.Unauthenticated, "no permissions to access the room: the token does not grant roomJoin")
	errNoRoom     = fault.New(fault.Invalid, "no room name: the token does not say which room")
	errNoIdentity = fault.New(fault.Invalid, "identity cannot be empty: the token does not say who joins")
	errMetadata   = fault.New(fault.Unauthenticated, "the token does not allow changing your own metadata or attributes")
	errNoPublish  = fault.New(fault.Unauthenticated, "permissions denied: the token does not allow publishing")
	errNoRequest  = fault.New(fault.Invalid, "join_request is missing from the query")
	errBadRequest = fault.New(fault.Invalid, "join_request is not a valid join request")
	errTooLarge   = fault.New(fault.Invalid, "join request too large: at most 1 MiB are allowed")
)

// joinRequest returns the join request from the token's grants and the query. If v1 is true, the query must have the
// parameter join_request.
func joinRequest(g *token.ClaimGrants, q url.Values, userAgent string, v1 bool) (rtc.JoinRequest, error) {
	req, err := fromToken(g)
	if err != nil {
		return req, err
	}
	if packed := q.Get("join_request"); packed != "" {
		return req, fromJoinRequest(&req, g, packed, userAgent)
	}
	if v1 {
		return req, errNoRequest
	}
	return req, fromQuery(&req, g, q, userAgent)
}

// fromToken returns a join request in which only those fields are set that follow from the token.
func fromToken(g *token.ClaimGrants) (rtc.JoinRequest, error) {
	req := rtc.JoinRequest{Identity: g.Identity, Token: rtc.Credential{
		Identity: g.Identity, Family: g.Family, Guest: g.Guest, IssuedAt: g.IssuedAt, ExpiresAt: g.ExpiresAt, Grants: g,
	}}
	switch {
	case g.Video == nil:
		return req, errNoVideo
	case !g.Video.RoomJoin:
		return req, errNoJoin
	case g.Identity == "":
		return req, errNoIdentity
	case g.Video.Room == "":
		return req, errNoRoom
	}
	req.Room = g.Video.Room
	if len(g.RoomConfig) > 0 {
		config := &livekit.RoomConfiguration{}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(g.RoomConfig, config); err != nil {
			return req, fault.New(fault.Invalid, "the room configuration in the token cannot be read")
		}
		req.RoomConfig = config
	}
	req.Info = &livekit.ParticipantInfo{
		Identity: g.Identity, Name: g.Name, Metadata: g.Metadata, Attributes: maps.Clone(g.Attributes),
		Kind: parseKind(g.Kind), KindDetails: parseKindDetails(g.KindDetails), Permission: permission(g.Video),
	}
	return req, nil
}

// parseKind returns the participant kind with the given name. Upper and lower case do not matter. Unknown names become
// STANDARD, the kind without special rights.
func parseKind(name string) livekit.ParticipantInfo_Kind {
	return livekit.ParticipantInfo_Kind(livekit.ParticipantInfo_Kind_value[strings.ToUpper(name)])
}

// parseKindDetails returns the known details among the names.
func parseKindDetails(names []string) []livekit.ParticipantInfo_KindDetail {
	var details []livekit.ParticipantInfo_KindDetail
	for _, n := range names {
		if v, ok := livekit.ParticipantInfo_KindDetail_value[strings.ToUpper(n)]; ok {
			details = append(details, livekit.ParticipantInfo_KindDetail(v))
		}
	}
	return details
}

// permission returns the permissions that the token grants to the participant.
func permission(v *token.VideoGrant) *livekit.ParticipantPermission {
	p := &livekit.ParticipantPermission{
		CanSubscribe: v.MaySubscribe(), CanPublish: v.MayPublish(), CanPublishData: v.MayPublishData(),
		Hidden: v.Hidden, CanUpdateMetadata: v.CanUpdateOwnMetadata, CanSubscribeMetrics: v.CanSubscribeMetrics,
		CanManageAgentSession: v.CanManageAgentSession,
	}
	p.Recorder, p.Agent = v.Recorder, v.Agent
	for _, s := range v.CanPublishSources { // unknown names become UNKNOWN, because an empty list would allow all sources
		p.CanPublishSources = append(p.CanPublishSources, livekit.TrackSource(livekit.TrackSource_value[strings.ToUpper(s)]))
	}
	return p
}

// fromQuery completes the join request from the query parameters of /rtc (docs/protocol.md, 1.3).
func fromQuery(req *rtc.JoinRequest, g *token.ClaimGrants, q url.Values, userAgent string) error {
	yes := func(key string) bool { v := q.Get(key); return v == "1" || v == "true" }
	number := func(key string) int32 { n, _ := strconv.ParseInt(q.Get(key), 10, 32); return int32(n) }
	req.Client = &livekit.ClientInfo{
		Sdk: parseSDK(q.Get("sdk")), Version: q.Get("version"), Protocol: number("protocol"), Os: q.Get("os"), OsVersion: q.Get("os_version"),
		DeviceModel: q.Get("device_model"), Browser: q.Get("browser"), BrowserVersion: q.Get("browser_version"), Network: q.Get("network"),
		ClientProtocol: number("client_protocol"),
	}
	for name := range strings.SplitSeq(q.Get("capabilities"), ",") {
		if v, ok := livekit.ClientInfo_Capability_value[name]; ok && v != 0 {
			req.Client.Capabilities = append(req.Client.Capabilities, livekit.ClientInfo_Capability(v))
		}
	}
	inferBrowser(req.Client, userAgent)
	if as := q.Get("publish"); as != "" {
		// Old clients share a screen by a second connection that only publishes.
		if !g.Video.MayPublish() {
			return errNoPublish
		}
		req.SetCompanion(as)
	}
	req.AutoSubscribe = !q.Has("auto_subscribe") || yes("auto_subscribe")
	req.AutoSubscribeData = yes("auto_subscribe_data_track")
	req.FullICE = yes("disable_ice_lite")
	req.NeverPause = q.Has("subscriber_allow_pause") && !yes("subscriber_allow_pause")
	req.Reconnect, req.SID = yes("reconnect"), q.Get("sid")
	req.Reason = livekit.ReconnectReason(number("reconnect_reason"))
	if packed := q.Get("attributes"); packed != "" && !req.Reconnect {
		raw, err := base64.URLEncoding.DecodeString(packed)
		attributes := map[string]string{}
		if err != nil || json.Unmarshal(raw, &attributes) != nil {
			return fault.New(fault.Invalid, "the attributes parameter must be the base64url encoding of a JSON object with string values")
		}
		return applyClientData(req, g, "", attributes)
	}
	return nil
}

// fromJoinRequest completes the join request from a WrappedJoinRequest (docs/protocol.md, 1.4).
func fromJoinRequest(req *rtc.JoinRequest, g *token.ClaimGrants, packed, userAgent string) error {
	join, err := unpackJoinRequest(packed)
	if err != nil {
		return err
	}
	settings := join.GetConnectionSettings()
	req.Client = join.ClientInfo
	if req.Client == nil {
		req.Client = &livekit.ClientInfo{}
	}
	inferBrowser(req.Client, userAgent)
	req.SinglePC = true
	req.AutoSubscribe = settings.GetAutoSubscribe()
	req.AutoSubscribeData = settings.GetAutoSubscribeDataTrack()
	req.FullICE = settings.GetDisableIceLite()
	// In the reference server, an unset subscriber_allow_pause means no. Here only an explicit no does: video that pauses for
	// a while is better than a call with interrupted audio.
	req.NeverPause = settings != nil && settings.SubscriberAllowPause != nil && !*settings.SubscriberAllowPause
	req.AddTracks, req.Offer = join.AddTrackRequests, join.PublisherOffer
	req.Reconnect, req.Reason, req.SID = join.Reconnect, join.ReconnectReason, join.ParticipantSid
	if req.Reconnect {
		return nil
	}
	return applyClientData(req, g, join.Metadata, join.ParticipantAttributes)
}

// unpackJoinRequest decodes the parameter join_request. This is a WrappedJoinRequest in base64url, and the JoinRequest in
// it may be compressed with gzip.
func unpackJoinRequest(packed string) (*livekit.JoinRequest, error) {
	raw, err := base64.URLEncoding.DecodeString(packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadRequest, err)
	}
	wrapped := &livekit.WrappedJoinRequest{}
	if err := decode.Proto(raw, wrapped); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadRequest, err)
	}
	body := wrapped.JoinRequest
	if wrapped.Compression == livekit.WrappedJoinRequest_GZIP {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBadRequest, err)
		}
		var unpacked bytes.Buffer
		err = decode.ReadFrame(&unpacked, io.LimitReader(z, joinRequestLimit+1), func(start []byte) error {
			return decode.CheckProtoPrefix(start, (*livekit.JoinRequest)(nil).ProtoReflect().Descriptor())
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBadRequest, err)
		}
		body = unpacked.Bytes()
	}
	if len(body) > joinRequestLimit {
		return nil, errTooLarge
	}
	join := &livekit.JoinRequest{}
	if err := decode.Proto(body, join); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadRequest, err)
	}
	return join, nil
}

// applyClientData lets the client override the token's metadata and attributes, if the token allows that. Empty
// values are ignored.
func applyClientData(req *rtc.JoinRequest, g *token.ClaimGrants, metadata string, attributes map[string]string) error {
	if metadata == "" && len(attributes) == 0 {
		return nil
	}
	if !g.Video.CanUpdateOwnMetadata {
		return errMetadata
	}
	if metadata != "" {
		req.Info.Metadata = metadata
	}
	for k, v := range attributes {
		if v == "" {
			continue
		}
		if req.Info.Attributes == nil {
			req.Info.Attributes = map[string]string{}
		}
		req.Info.Attributes[k] = v
	}
	return nil
}

// parseSDK returns the SDK with the given name, which is the value of the query parameter "sdk".
func parseSDK(name string) livekit.ClientInfo_SDK {
	switch name {
	case "ios":
		name = "swift"
	case "reactnative":
		name = "react_native"
	case "unityweb":
		name = "unity_web"
	}
	return livekit.ClientInfo_SDK(livekit.ClientInfo_SDK_value[strings.ToUpper(name)])
}

// inferBrowser sets the client's browser from the User-Agent header if the client has not named its browser. Some codec
// decisions depend on the browser.
func inferBrowser(c *livekit.ClientInfo, userAgent string) {
	if c.Browser != "" {
		return
	}
	for _, b := range []struct{ mark, name string }{{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(userAgent, b.mark) {
			c.Browser = b.name
			return
		}
	}
}
