package rtc

import (
	"log/slog"
	"testing"

	"google.golang.org/protobuf/proto"
)

// The join decides which connection is the primary one. A later permission to subscribe adds a second connection, but
// neither that nor a move changes the primary one.
func TestPermissionChangeAndMoveKeepThePrimaryPeerConnection(t *testing.T) {
	rooms := &Rooms{log: slog.New(slog.DiscardHandler)}
	req := request("ada")
	req.Info.Permission.CanSubscribe = false
	p := blankParticipant(newRoom(rooms, "room", nil), req, &sink{})
	p.conn.publisher = &Transport{}
	p.info.Permission = proto.CloneOf(p.info.Permission)
	p.info.Permission.CanSubscribe = true
	p.conn.subscriber = &Transport{}

	successor := p.newSuccessor(newRoom(rooms, "other", nil))
	publisher := p.conn.publisher
	p.conn.transferTo(&successor.conn)
	if successor.conn.primaryTransport() != publisher {
		t.Error("the subscriber connection has become the primary one")
	}
}
