package rtc

import (
	"time"

	"meet/internal/fault"
	"meet/internal/ratelimit"
)

// Limits of the whole server. A participant takes 1 to 2 MB, and a room a goroutine and some timers. The limits per
// address apply to guests only, because a back end opens rooms and issues tokens for many people. They allow for a school
// behind one address.
const (
	maxRooms, maxRoomsPerAddress               = 10_000, 500
	maxParticipants, maxParticipantsPerAddress = 16_000, 2_000
)

// serverFullDelay is the time after which clients are asked to try again if one of these limits is reached.
const serverFullDelay = 10 * time.Second

var (
	errTooManyRooms                   = serverFull("this server has as many meetings as it can hold; try again later")
	errTooManyRoomsFromAddress        = serverFull("too many meetings were opened from this address; try again when some of them have ended")
	errTooManyParticipants            = serverFull("this server has as many participants as it can serve; try again later")
	errTooManyParticipantsFromAddress = serverFull("too many participants have joined from this address; try again when some of them have left")
)

// serverFull returns an error with serverFullDelay.
func serverFull(text string) error {
	return fault.After(fault.New(fault.Exhausted, text), serverFullDelay)
}

// newRoomCount returns a count of rooms.
func newRoomCount() *ratelimit.Counter {
	return ratelimit.NewCounter(ratelimit.Bounds{
		Total: maxRooms, PerClient: maxRoomsPerAddress, ErrTotal: errTooManyRooms, ErrPerClient: errTooManyRoomsFromAddress,
	})
}

// newParticipantCount returns a count of participants.
func newParticipantCount() *ratelimit.Counter {
	return ratelimit.NewCounter(ratelimit.Bounds{
		Total: maxParticipants, PerClient: maxParticipantsPerAddress, ErrTotal: errTooManyParticipants, ErrPerClient: errTooManyParticipantsFromAddress,
	})
}

// countedAddress returns the address to which the limits per address apply, or "" if they do not apply.
func (req *JoinRequest) countedAddress() string {
	if req.Token.Guest {
		return req.RemoteIP
	}
	return ""
}

// checkLimits returns an error if the limits of the server do not allow req to join. newRoom is true if the room does not
// exist.
func (rs *Rooms) checkLimits(req JoinRequest, newRoom bool) error {
	if req.Reconnect {
		return nil
	}
	address := req.countedAddress()
	if err := rs.participantCount.Check(address, 1); err != nil || !newRoom {
		return err
	}
	return rs.roomCount.Check(address, 1)
}
