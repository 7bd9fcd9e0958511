package networks_test

import (
	"context"
	"testing"

	"meet/test/networks"
)

// newNetwork returns an empty network and a context that ends before the test's deadline.
func newNetwork(t *testing.T) (context.Context, *networks.Network) {
	t.Helper()
	t.Parallel()
	n := networks.New(t)
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx, n
}

// home is a network behind a router that does NAT. The router forwards port 8080 to the server, without hairpinning.
//
//	server 10.0.1.2 ── 10.0.1.1 router 203.0.113.1 ── 203.0.113.2 outside
//	inside 10.0.2.2 ── 10.0.2.1
type home struct{ server, inside, outside *networks.Host }

// newHome creates the hosts and links of a home.
func newHome(n *networks.Network) home {
	h, router := home{n.Host("server"), n.Host("inside"), n.Host("outside")}, n.Host("router")
	n.Link(h.server, "10.0.1.2/24", router, "10.0.1.1/24")
	n.Link(h.inside, "10.0.2.2/24", router, "10.0.2.1/24")
	n.Link(h.outside, "203.0.113.2/24", router, "203.0.113.1/24")
	h.server.Gateway("10.0.1.1")
	h.inside.Gateway("10.0.2.1")
	router.Masquerade(h.outside)
	router.Forward(h.outside, 8080, "10.0.1.2")
	return h
}

func TestClientsInsideAndOutsideOfNATMeetWithoutHairpinning(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	serve(ctx, t, h.server, "--node-ip", "203.0.113.1")
	inside, outside := join(ctx, t, h.inside, "http://10.0.1.2:8080"), join(ctx, t, h.outside, "http://203.0.113.1:8080")
	hold(ctx, t, inside, outside)
	inside.wantCandidates("10.0.1.2", "203.0.113.1")
	outside.wantCandidates("10.0.1.2", "203.0.113.1")
}

func TestSTUNServerReportsThePublicAddress(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	serve(ctx, t, h.outside) // answers STUN on its UDP port
	s := serve(ctx, t, h.server, "--stun-server", "203.0.113.2:8080")
	eventually(ctx, t, "the public address is found", func() bool { return s.logged("new=[203.0.113.1]") })
	inside, outside := join(ctx, t, h.inside, "http://10.0.1.2:8080"), join(ctx, t, h.outside, "http://203.0.113.1:8080")
	hold(ctx, t, inside, outside)
	inside.wantCandidates("10.0.1.2", "203.0.113.1")
}

func TestServerWorksWhenItsSTUNServerDoesNotAnswer(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	s := serve(ctx, t, h.server, "--stun-server", "stun.example.org:3478")
	eventually(ctx, t, "the failure is logged", func() bool { return s.logged("the STUN server did not report") })
	inside, server := join(ctx, t, h.inside, "http://10.0.1.2:8080"), join(ctx, t, h.server, "http://10.0.1.2:8080")
	hold(ctx, t, inside, server)
	inside.wantCandidates("10.0.1.2")
}

func TestAddressOfTheDomainIsOffered(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	h.server.Resolve("203.0.113.1 meet.example.org", "127.0.1.1 meet.example.org") // Debian adds the latter
	s := serve(ctx, t, h.server, "--domain", "meet.example.org", "--http-listen", "off", "--acme-url", "https://127.0.0.1:9/directory")
	eventually(ctx, t, "the public address is found", func() bool { return s.logged("new=[203.0.113.1]") })
	local := join(ctx, t, h.server, "http://localhost:8080") // without a certificate, others cannot join
	eventually(ctx, t, "addresses are offered", func() bool { return len(local.candidates()) == 6 })
	local.wantCandidates("127.0.0.1", "10.0.1.2", "203.0.113.1")
}

func TestAddressInTheURLIsOfferedOnlyToTheClientThatUsedIt(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	serve(ctx, t, h.server)
	inside, outside := join(ctx, t, h.inside, "http://10.0.1.2:8080"), join(ctx, t, h.outside, "http://203.0.113.1:8080")
	hold(ctx, t, inside, outside)
	inside.wantCandidates("10.0.1.2")
	outside.wantCandidates("10.0.1.2", "203.0.113.1")
}

// public is a server with a public address, and two clients in the networks 10.1.0.0/24 and 10.2.0.0/24 behind a router.
type public struct{ server, router, ada, bo *networks.Host }

// newPublic creates the hosts and links of public.
func newPublic(n *networks.Network) public {
	p := public{n.Host("server"), n.Host("router"), n.Host("ada"), n.Host("bo")}
	n.Link(p.server, "203.0.113.1/24", p.router, "203.0.113.2/24")
	n.Link(p.ada, "10.1.0.2/24", p.router, "10.1.0.1/24")
	n.Link(p.bo, "10.2.0.2/24", p.router, "10.2.0.1/24")
	p.ada.Gateway("10.1.0.1")
	p.bo.Gateway("10.2.0.1")
	p.router.Masquerade(p.server)
	return p
}

func TestClientsBehindNATReachServerWithPublicAddress(t *testing.T) {
	ctx, n := newNetwork(t)
	p := newPublic(n)
	serve(ctx, t, p.server)
	ada, bo := join(ctx, t, p.ada, "http://203.0.113.1:8080"), join(ctx, t, p.bo, "http://203.0.113.1:8080")
	hold(ctx, t, ada, bo)
	ada.wantCandidates("203.0.113.1")
}

func TestClientsUseTCPWhereUDPIsBlocked(t *testing.T) {
	ctx, n := newNetwork(t)
	p := newPublic(n)
	p.router.Filter(`table inet firewall { chain passing { type filter hook forward priority 0; meta l4proto udp drop; }; }`)
	serve(ctx, t, p.server)
	ada, bo := join(ctx, t, p.ada, "http://203.0.113.1:8080"), join(ctx, t, p.bo, "http://203.0.113.1:8080")
	hold(ctx, t, ada, bo)
	ada.wantCandidates("203.0.113.1")
}

func TestIPv6OnlyNetworkCarriesCall(t *testing.T) {
	ctx, n := newNetwork(t)
	server, ada, bo := n.Host("server"), n.Host("ada"), n.Host("bo")
	n.Link(server, "2001:db8:1::1/64", ada, "2001:db8:1::2/64")
	n.Link(server, "fd00:2::1/64", bo, "fd00:2::2/64")
	serve(ctx, t, server)
	a, b := join(ctx, t, ada, "http://[2001:db8:1::1]:8080"), join(ctx, t, bo, "http://[fd00:2::1]:8080")
	hold(ctx, t, a, b)
	a.wantCandidates("fd00:2::1", "2001:db8:1::1")
}

func TestServerWithSeveralInterfacesServesTheNetworkOfEach(t *testing.T) {
	ctx, n := newNetwork(t)
	server, ada, bo := n.Host("server"), n.Host("ada"), n.Host("bo")
	n.Link(server, "10.1.0.1/24", ada, "10.1.0.2/24")
	n.Link(server, "203.0.113.1/24", bo, "203.0.113.2/24")
	server.Bridge("docker0", "172.17.0.1/16")
	server.Bridge("br-0123456789ab", "172.18.0.1/16")
	serve(ctx, t, server)
	a, b := join(ctx, t, ada, "http://10.1.0.1:8080"), join(ctx, t, bo, "http://203.0.113.1:8080")
	hold(ctx, t, a, b)
	a.wantCandidates("10.1.0.1", "203.0.113.1")
	b.wantCandidates("10.1.0.1", "203.0.113.1")
}

func TestContainersReachServerAtTheAddressOfTheirBridge(t *testing.T) {
	ctx, n := newNetwork(t)
	server, ada, container := n.Host("server"), n.Host("ada"), n.Host("container")
	n.Link(server, "10.1.0.1/24", ada, "10.1.0.2/24")
	n.Link(server, "172.17.0.1/16", container, "172.17.0.2/16")
	server.Rename("container", "docker0")
	serve(ctx, t, server)
	a, c := join(ctx, t, ada, "http://10.1.0.1:8080"), join(ctx, t, container, "http://172.17.0.1:8080")
	hold(ctx, t, a, c)
	a.wantCandidates("10.1.0.1")
	c.wantCandidates("10.1.0.1", "172.17.0.1")
}

func TestBridgeAddressIsOfferedIfThereIsNoOther(t *testing.T) {
	ctx, n := newNetwork(t)
	server, one, other := n.Host("server"), n.Host("one"), n.Host("other")
	n.Link(server, "172.17.0.1/16", one, "172.17.0.2/16")
	n.Link(server, "172.18.0.1/16", other, "172.18.0.2/16")
	server.Rename("one", "docker0")
	server.Rename("other", "docker1")
	serve(ctx, t, server)
	a, b := join(ctx, t, one, "http://172.17.0.1:8080"), join(ctx, t, other, "http://172.18.0.1:8080")
	hold(ctx, t, a, b)
	a.wantCandidates("172.17.0.1", "172.18.0.1")
}
