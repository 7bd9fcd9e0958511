package frame

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meet/internal/decode"
)

// ErrMalformed is the error for a frame that is not a message of the expected type or exceeds the limits of package decode.
var ErrMalformed = errors.New("frame: malformed message")

// buffers holds buffers for frames. They can be reused because a decoded message shares no memory with its frame.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Read waits for the next frame of ws and decodes it into m. It returns the type of the frame, websocket.BinaryMessage or
// websocket.TextMessage. The error wraps ErrMalformed if the frame cannot be decoded; any other error comes from the
// connection.
func Read(ws *websocket.Conn, m proto.Message) (kind int, err error) {
	kind, r, err := ws.NextReader()
	if err != nil {
		return kind, err
	}
	raw := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(raw)
	raw.Reset()
	switch err = decode.ReadFrame(raw, r, func(start []byte) error { return checkStart(kind, start, m) }); {
	case errors.Is(err, decode.ErrTooManyValues):
		return kind, fmt.Errorf("%w: %w", ErrMalformed, err)
	case err != nil:
		return kind, err
	}
	return kind, Decode(kind, raw.Bytes(), m)
}

// checkStart checks the limits of package decode on the first bytes of a frame, before the rest is read.
func checkStart(kind int, start []byte, m proto.Message) error {
	if kind == websocket.TextMessage {
		return decode.CheckJSON(start)
	}
	return decode.CheckProtoPrefix(start, m.ProtoReflect().Descriptor())
}

// Decode decodes raw, the payload of a frame of type kind, into m. It discards unknown fields.
func Decode(kind int, raw []byte, m proto.Message) error {
	read := decode.Proto
	if kind == websocket.TextMessage {
		read = decode.JSON
	}
	if err := read(raw, m); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// Encode returns m as the payload of a frame of type kind.
func Encode(kind int, m proto.Message) ([]byte, error) {
	if kind == websocket.TextMessage {
		return protojson.Marshal(m)
	}
	return proto.Marshal(m)
}
