package rtc

import (
	"sync"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Message is a message for one client or many. However many get it, it is encoded once in each format that is asked for.
// It must not be changed after NewMessage.
type Message struct {
	*livekit.SignalResponse

	measure      sync.Once
	size         int
	binary, text encoding
}

// encoding is a Message in one format, once it has been encoded.
type encoding struct {
	once sync.Once
	raw  []byte
	err  error
}

// NewMessage makes m ready to be sent.
func NewMessage(m *livekit.SignalResponse) *Message { return &Message{SignalResponse: m} }

// Size returns the size of m as protobuf, in bytes.
func (m *Message) Size() int {
	m.measure.Do(func() { m.size = proto.Size(m.SignalResponse) })
	return m.size
}

// Encode returns m as protobuf, or as JSON for clients that speak that. The result is shared.
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
