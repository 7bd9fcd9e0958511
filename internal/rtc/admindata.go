package rtc

import (
	"context"
	"fmt"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// SendData sends a packet of the server's own to those it names, or to everybody (livekit-protocol.md, 6.5).
func (rs *Rooms) SendData(ctx context.Context, room string, packet *livekit.DataPacket) error {
	user := packet.GetUser()
	if n := len(user.GetNonce()); n != 0 && n != nonceSize {
		return fault.New(fault.Invalid, fmt.Sprintf("nonce should be %d-bytes or not present, got: %d bytes", nonceSize, n))
	}
	raw, err := proto.Marshal(packet)
	if err != nil {
		return fmt.Errorf("encode data: %w", err)
	}
	if len(raw) > maxForwarded {
		return fault.New(fault.Invalid, fmt.Sprintf("the data makes a packet of %d bytes; at most %d are allowed", len(raw), maxForwarded))
	}
	var to []*outbox
	err = rs.within(ctx, room, func(r *Room) error {
		if n := user.GetNonce(); len(n) == 0 || r.nonces.first([nonceSize]byte(n)) {
			to = r.receivers(nil, packet)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range to {
		if packet.Kind == livekit.DataPacket_LOSSY {
			o.putLossy(raw)
		} else {
			o.put(raw)
		}
	}
	return nil
}
