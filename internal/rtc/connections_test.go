package rtc

import (
	"log/slog"
	"testing"

	"google.golang.org/protobuf/proto"
)

// The primary connection is settled by the join. The right to subscribe that somebody was granted later makes a second
// connection, but neither that nor a move makes it the primary one.
func TestGrantAndMoveDoNotChangePrimaryConnection(t *testing.T) {
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
