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

// ErrMalformed says that a frame is not a message of the expected type, or holds more than one frame may.
var ErrMalformed = errors.New("frame: the message cannot be read")

// buffers holds buffers for frames. What is decoded from a frame shares no memory with it.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Read waits for the next frame of ws, decodes it into m and returns its kind, websocket.BinaryMessage or TextMessage. The
// error wraps ErrMalformed if the frame cannot be decoded; any other error is the socket's.
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

func checkStart(kind int, start []byte, m proto.Message) error {
	if kind == websocket.TextMessage {
		return decode.CheckJSON(start)
	}
	return decode.CheckProtoPrefix(start, m.ProtoReflect().Descriptor())
}

// Decode decodes the content of a frame of that kind into m, without fields that m does not know.
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

// Encode returns m as the content of a frame of that kind.
func Encode(kind int, m proto.Message) ([]byte, error) {
	if kind == websocket.TextMessage {
		return protojson.Marshal(m)
	}
	return proto.Marshal(m)
}
