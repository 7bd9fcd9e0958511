package rtc

import (
	"sync"

	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
)

// relayUsers are the participants that may use TURN relays. Each has a random ID of its own, which it keeps when it moves to
// another room, because it also keeps its relays.
type relayUsers struct {
	mu      sync.Mutex
	present map[string]bool // by ID
}

// add returns the ID of a new user.
func (u *relayUsers) add() string {
	id := newID("")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.present[id] = true
	return id
}

// remove removes a user.
func (u *relayUsers) remove(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.present, id)
}

// HasRelayUser reports whether the participant to which Options.ICEServers has given servers under this ID is still in a
// room.
func (rs *Rooms) HasRelayUser(id string) bool {
	rs.relayUsers.mu.Lock()
	defer rs.relayUsers.mu.Unlock()
	return rs.relayUsers.present[id]
}

// RelayRequest describes a participant that needs TURN servers.
type RelayRequest struct {
	Host     string // JoinRequest.Host
	TLSPort  int    // JoinRequest.TLSPort
	RemoteIP string // JoinRequest.RemoteIP
	User     string // ID of the participant, see Rooms.HasRelayUser
	// TURNUDP means that the client also connects directly over UDP if a TURN server has the address of the media socket.
	TURNUDP bool
	// Path is the path that the client must use. With peer.RelayOnly, the client can reach the server neither by UDP nor by
	// ICE over TCP.
	Path peer.Path
}

// iceServers returns the TURN servers for the client. They are part of the join response and of the response to a resume.
func (cn *connections) iceServers() []*livekit.ICEServer {
	rooms := cn.p.room.rooms
	if !cn.mayUseRelay() {
		return nil
	}
	if cn.relayUser == "" {
		cn.relayUser = rooms.relayUsers.add()
	}
	req := cn.p.req
	return rooms.opts.ICEServers(RelayRequest{
		Host: req.Host, TLSPort: req.TLSPort, RemoteIP: req.RemoteIP, User: cn.relayUser, TURNUDP: cn.p.quirks.turnUDP, Path: cn.path(),
	})
}

// configuration returns the configuration for the client. If only a relay is left to try, it makes the client use nothing
// else.
func (cn *connections) configuration() *livekit.ClientConfiguration {
	c := cn.p.quirks.configuration()
	if cn.path() == peer.RelayOnly {
		c.ForceRelay = livekit.ClientConfigSetting_ENABLED
	}
	return c
}
