package rtc

import (
	"sync"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Message is a signalling message for one client or several. It is encoded at most once in each format. It must not be
// changed after NewMessage.
type Message struct {
	*livekit.SignalResponse

	measure      sync.Once
	size         int
	binary, text encoding
}

// encoding holds the encoded form of a Message in one format.
type encoding struct {
	once sync.Once
	raw  []byte
	err  error
}

// NewMessage returns a Message that holds m.
func NewMessage(m *livekit.SignalResponse) *Message { return &Message{SignalResponse: m} }

// Size returns the size of m in protobuf format, in bytes.
func (m *Message) Size() int {
	m.measure.Do(func() { m.size = proto.Size(m.SignalResponse) })
	return m.size
}

// Encode returns m in JSON if json is set, otherwise in protobuf. The result is shared and must not be changed.
func (m *Message) Encode(json bool) ([]byte, error) {
	e := &m.binary
	if json {
		e = &m.text
	}
	e.once.Do(func() {
		if json {
			e.raw, e.err = protojson.Marshal(m.SignalResponse)
		} else {
			e.raw, e.err = proto.Marshal(m.SignalResponse)
		}
	})
	return e.raw, e.err
}
