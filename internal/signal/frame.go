package signal

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"

	"meet/internal/decode"
)

var errFrame = errors.New("signal: a frame cannot be read")

// frames holds buffers for frames. What is decoded from a frame shares no memory with it.
var frames = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readMessage waits for a frame and decodes it. The error is errFrame if that is not possible, else the socket's.
func readMessage(ws *websocket.Conn) (kind int, m *livekit.SignalRequest, err error) {
	kind, r, err := ws.NextReader()
	if err != nil {
		return kind, nil, err
	}
	frame := frames.Get().(*bytes.Buffer)
	defer frames.Put(frame)
	frame.Reset()
	switch err = decode.Fill(frame, r, func(start []byte) error { return checkStart(kind, start) }); {
	case errors.Is(err, decode.ErrTooMany):
		return kind, nil, fmt.Errorf("%w: %w", errFrame, err)
	case err != nil:
		return kind, nil, err
	}
	m, err = readFrame(kind, frame.Bytes())
	return kind, m, err
}

func checkStart(kind int, start []byte) error {
	if kind == websocket.TextMessage {
		return decode.CheckJSON(start)
	}
	return decode.CheckProtoStart(start, (*livekit.SignalRequest)(nil).ProtoReflect().Descriptor())
}

// readFrame decodes a frame: binary ones are protobuf, text ones proto3 JSON. Unknown fields are ignored
// (docs/protocol.md, 1.6).
func readFrame(kind int, frame []byte) (*livekit.SignalRequest, error) {
	read := decode.Proto
	if kind == websocket.TextMessage {
		read = decode.JSON
	}
	m := &livekit.SignalRequest{}
	if err := read(frame, m); err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	return m, nil
}
