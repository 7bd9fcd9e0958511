package signal

import (
	"fmt"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// decode reads a frame: binary ones are protobuf, text ones proto3 JSON in which unknown fields are ignored
// (livekit-protocol.md, 1.6).
func decode(kind int, frame []byte) (*livekit.SignalRequest, error) {
	m := &livekit.SignalRequest{}
	var err error
	if kind == websocket.TextMessage {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(frame, m)
	} else {
		err = proto.Unmarshal(frame, m)
	}
	if err != nil {
		return nil, fmt.Errorf("read a signalling frame: %w", err)
	}
	return m, nil
}
