package reach

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/internal/doctor"
)

// callTimeout limits each call. A client tries all candidates within this time.
const callTimeout = 10 * time.Second

// turnAdvice is the advice about a relay that does not work.
const turnAdvice = "clients behind strict firewalls need it: open the port for this protocol, and read the server's log"

// call joins a room, which yields the TURN servers and their credentials, and then checks UDP, direct connections, and a
// call through each TURN server.
func (c *checker) call(ctx context.Context) {
	const hop = "signalling"
	ctx, cancel := context.WithTimeout(ctx, 3*callTimeout)
	defer cancel()
	responses := make(chan *livekit.JoinResponse, 1)
	udp := c.start(ctx, "doctor-udp", client.Options{HostOnly: true, OnSignal: func(m *livekit.SignalResponse) {
		if join := m.GetJoin(); join != nil {
			responses <- join // there is one join response
		}
	}})
	defer udp.close()
	var join *livekit.JoinResponse
	select {
	case join = <-responses:
	case <-udp.done:
		select {
		case join = <-responses:
		default:
			c.joinFailed(hop, udp.err)
			return
		}
	}
	c.ok(hop, "a client joins a room")
	tcp := c.start(ctx, "doctor-tcp", client.Options{HostOnly: true, ClientInfo: browser, SettingEngine: onlyTCP})
	defer tcp.close()
	servers := turnServers(join.IceServers)
	wait := c.relayedCalls(ctx, servers) // now, because the credentials are valid while the client is in the room
	c.stun(ctx, mediaPort(servers, c.port))
	c.direct("UDP", udp)
	c.direct("TCP", tcp)
	if len(servers) == 0 {
		c.warn("TURN", "update the server", "the server names no TURN servers to clients")
	}
	c.findings = append(c.findings, wait()...)
}

// direct adds the finding about a client that connects without a relay.
func (c *checker) direct(protocol string, j *joining) {
	hop := "direct media over " + protocol
	if <-j.done; j.err != nil {
		c.warn(hop, "open the "+protocol+" port for clients, and give the public address with --node-ip", "a client without a relay gets no connection: %v", reason(j.err))
		return
	}
	c.ok(hop, "a client connects without a relay")
}

// browser describes a client that supports ICE over TCP, as browsers do.
var browser = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Chrome"}

// onlyTCP lets a client use only ICE over TCP.
func onlyTCP(e *webrtc.SettingEngine) {
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
}

// joinFailed adds the finding about a client that got no response to its request to join.
func (c *checker) joinFailed(hop string, err error) {
	if refused, ok := errors.AsType[*client.HandshakeError](err); ok && refused.Status == 401 {
		c.warn(hop, "give the settings of the server, or one of its API keys with --keys or --key-file", "the server refuses the API key of these settings, so calls were not checked")
		return
	}
	c.fail(hop, "check whether proxies pass WebSockets (docs/deploy.md)", "a client cannot join a room: %v", reason(err))
}

// turnServers returns the TURN servers of a join response, one for each URL.
func turnServers(list []*livekit.ICEServer) (servers []turnServer) {
	for _, s := range list {
		for _, text := range s.Urls {
			if uri, err := stun.ParseURI(text); err == nil && strings.HasPrefix(text, "turn") {
				servers = append(servers, turnServer{uri, s.Username, s.Credential})
			}
		}
	}
	return servers
}

// mediaPort returns the port of the TURN server over UDP, which is the server's own, also behind a proxy. If there is none,
// it returns port.
func mediaPort(servers []turnServer, port string) string {
	for _, s := range servers {
		if s.transport() == client.RelayUDP {
			return strconv.Itoa(s.uri.Port)
		}
	}
	return port
}

// relayedCalls starts to check a call through each TURN server. The returned function waits for the findings, which are in
// the order of the servers.
func (c *checker) relayedCalls(ctx context.Context, servers []turnServer) (wait func() []doctor.Finding) {
	var all sync.WaitGroup
	var checkers []*checker
	for _, s := range servers {
		each := &checker{o: c.o, url: c.url, host: c.host, port: c.port}
		checkers = append(checkers, each)
		all.Go(func() { each.relayedCall(ctx, s) }) // ends within hopTimeout and callTimeout
	}
	return func() (findings []doctor.Finding) {
		all.Wait()
		for _, each := range checkers {
			findings = append(findings, each.findings...)
		}
		return findings
	}
}

// relayedCall allocates a relay at a TURN server. Then two clients that use only this server join a room, and one sends the
// other a message. For TURN over TLS, the clients trust only the system's authorities.
func (c *checker) relayedCall(ctx context.Context, s turnServer) {
	transport := strings.ToUpper(s.transport())
	hop := "TURN over " + transport
	if err := c.allocate(ctx, s); err != nil {
		c.warn(hop, turnAdvice, "%s does not relay: %v", s.uri, reason(err))
		return
	}
	c.ok(hop, "%s accepts the credentials and allocates a relay", s.uri)
	if s.transport() == client.RelayTLS && c.o.Roots != nil {
		return
	}
	hop = "relayed media over " + transport
	if err := c.exchange(ctx, s.transport()); err != nil {
		c.warn(hop, turnAdvice, "a call through the relay fails: %v", reason(err))
		return
	}
	c.ok(hop, "a call through the relay works")
}

// exchange sends a message between two clients that use relays.
func (c *checker) exchange(ctx context.Context, transport string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	arrived := make(chan struct{})
	var once sync.Once
	to := "doctor-" + transport + "-receiver"
	receiver := c.start(ctx, to, client.Options{Relay: transport, OnData: func(*livekit.DataPacket) { once.Do(func() { close(arrived) }) }})
	defer receiver.close()
	sender := c.start(ctx, "doctor-"+transport+"-sender", client.Options{Relay: transport})
	defer sender.close()
	<-receiver.done
	<-sender.done
	if err := errors.Join(receiver.err, sender.err); err != nil {
		return err
	}
	packet := &livekit.DataPacket{
		DestinationIdentities: []string{to}, Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("meet doctor")}},
	}
	if err := sender.client.PublishData(ctx, livekit.DataPacket_RELIABLE, packet); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// joining is a client that joins in the background.
type joining struct {
	done   chan struct{} // closed when client or err is set
	client *client.Client
	err    error
	work   sync.WaitGroup
}

// start lets a client join. The caller has to call close.
func (c *checker) start(ctx context.Context, identity string, o client.Options) *joining {
	j := &joining{done: make(chan struct{})}
	o.TLS = c.tlsConfig()
	j.work.Go(func() { // ends within callTimeout
		defer close(j.done)
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		var jwt string
		if jwt, j.err = c.o.Token(identity); j.err == nil {
			j.client, j.err = client.Join(ctx, c.url.String(), jwt, o)
		}
	})
	return j
}

// close waits for the client and lets it leave.
func (j *joining) close() {
	j.work.Wait()
	if j.client != nil {
		_ = j.client.Leave() // the check is complete
	}
}
