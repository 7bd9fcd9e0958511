package api

import (
	"github.com/twitchtv/twirp"
)

// Errors of the services that this server does not implement. They are returned immediately, whereas the reference server
// waits until its request to the missing service times out (docs/protocol.md, 9.4 to 9.6).
var (
	errEgressUnsupported  = twirp.NewError(twirp.Unimplemented, "recording and streaming out are not part of this server yet, so no egress can be started")
	errIngressUnsupported = twirp.NewError(twirp.Unimplemented, "RTMP, WHIP and URL input are not part of this server yet, so no ingress can be created")
	errSIPUnsupported     = twirp.NewError(twirp.Unimplemented, "telephony is not part of this server, so there are no trunks, rules or calls to make")

	errEgressUnknown   = twirp.NewError(twirp.NotFound, "egress does not exist")
	errIngressUnknown  = twirp.NewError(twirp.NotFound, "ingress does not exist")
	errTrunkUnknown    = twirp.NewError(twirp.NotFound, "requested sip trunk does not exist")
	errRuleUnknown     = twirp.NewError(twirp.NotFound, "requested sip dispatch rule does not exist")
	errCallerUnknown   = twirp.NewError(twirp.NotFound, "requested sip participant does not exist")
	errIngressIdentity = twirp.NewError(twirp.InvalidArgument, "the identity of the ingress's participant is missing")
)
