package rtc

import "github.com/livekit/protocol/livekit"

// This file contains the constructors of the messages that are sent to clients. Each is named for its field of
// SignalResponse.

func joinMessage(m *livekit.JoinResponse) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Join{Join: m}}
}

func reconnectMessage(m *livekit.ReconnectResponse) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Reconnect{Reconnect: m}}
}

func roomMovedMessage(m *livekit.RoomMovedResponse) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_RoomMoved{RoomMoved: m}}
}

func refreshTokenMessage(token string) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_RefreshToken{RefreshToken: token}}
}

// LeaveMessage returns the message by which the server ends a session. It allows the client to reconnect unless action
// is DISCONNECT.
func LeaveMessage(reason livekit.DisconnectReason, action livekit.LeaveRequest_Action) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Leave{Leave: &livekit.LeaveRequest{
		Reason: reason, Action: action, CanReconnect: action != livekit.LeaveRequest_DISCONNECT,
	}}}
}

func requestResponseMessage(m *livekit.RequestResponse) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_RequestResponse{RequestResponse: m}}
}

func offerMessage(d *livekit.SessionDescription) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Offer{Offer: d}}
}

func answerMessage(d *livekit.SessionDescription) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Answer{Answer: d}}
}

// mediaSectionsMessage returns a message that asks the client to offer more receive-only media sections.
func mediaSectionsMessage(audio, video uint32) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_MediaSectionsRequirement{
		MediaSectionsRequirement: &livekit.MediaSectionsRequirement{NumAudios: audio, NumVideos: video},
	}}
}

func roomUpdateMessage(room *livekit.Room) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_RoomUpdate{RoomUpdate: &livekit.RoomUpdate{Room: room}}}
}

func updateMessage(infos ...*livekit.ParticipantInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Update{Update: &livekit.ParticipantUpdate{Participants: infos}}}
}

func speakersChangedMessage(speakers []*livekit.SpeakerInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_SpeakersChanged{SpeakersChanged: &livekit.SpeakersChanged{Speakers: speakers}}}
}

func connectionQualityMessage(infos []*livekit.ConnectionQualityInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_ConnectionQuality{
		ConnectionQuality: &livekit.ConnectionQualityUpdate{Updates: infos},
	}}
}

func trackPublishedMessage(cid string, track *livekit.TrackInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_TrackPublished{
		TrackPublished: &livekit.TrackPublishedResponse{Cid: cid, Track: track},
	}}
}

func trackUnpublishedMessage(sid string) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_TrackUnpublished{
		TrackUnpublished: &livekit.TrackUnpublishedResponse{TrackSid: sid},
	}}
}

func trackSubscribedMessage(sid string) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_TrackSubscribed{
		TrackSubscribed: &livekit.TrackSubscribed{TrackSid: sid},
	}}
}

func muteMessage(sid string, muted bool) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Mute{Mute: &livekit.MuteTrackRequest{Sid: sid, Muted: muted}}}
}

func subscribedQualityMessage(m *livekit.SubscribedQualityUpdate) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_SubscribedQualityUpdate{SubscribedQualityUpdate: m}}
}

func subscribedAudioCodecMessage(m *livekit.SubscribedAudioCodecUpdate) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_SubscribedAudioCodecUpdate{SubscribedAudioCodecUpdate: m}}
}

func subscriptionResponseMessage(sid string, e livekit.SubscriptionError) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_SubscriptionResponse{
		SubscriptionResponse: &livekit.SubscriptionResponse{TrackSid: sid, Err: e},
	}}
}

func subscriptionPermissionMessage(m *livekit.SubscriptionPermissionUpdate) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_SubscriptionPermissionUpdate{SubscriptionPermissionUpdate: m}}
}

func streamStateMessage(states []*livekit.StreamStateInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_StreamStateUpdate{
		StreamStateUpdate: &livekit.StreamStateUpdate{StreamStates: states},
	}}
}

func dataTrackPublishedMessage(info *livekit.DataTrackInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_PublishDataTrackResponse{
		PublishDataTrackResponse: &livekit.PublishDataTrackResponse{Info: info},
	}}
}

func dataTrackUnpublishedMessage(info *livekit.DataTrackInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_UnpublishDataTrackResponse{
		UnpublishDataTrackResponse: &livekit.UnpublishDataTrackResponse{Info: info},
	}}
}

func dataTrackHandlesMessage(handles map[uint32]*livekit.DataTrackSubscriberHandles_PublishedDataTrack) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_DataTrackSubscriberHandles{
		DataTrackSubscriberHandles: &livekit.DataTrackSubscriberHandles{SubHandles: handles},
	}}
}
