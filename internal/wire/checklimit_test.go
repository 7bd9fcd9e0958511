package wire

import (
	"net/netip"
	"testing"
	"time"
)

// sendChecks lets c send n checks to addr and returns how many of them leave the server.
func (m *muxed) sendChecks(c *UDPMuxedConn, addr netip.AddrPort, n int) (sent int) {
	m.t.Helper()
	m.conn.flush() // packets sent before
	before := m.conn.Stats().PacketsOut
	for range n {
		if _, err := c.WriteToAddrPort(request("theirs"), addr); err != nil {
			m.t.Fatal(err)
		}
	}
	m.conn.flush()
	return int(m.conn.Stats().PacketsOut - before)
}

// A client names the address of a victim as its candidate. The server may send only a few checks to that address. Checks to
// a client that responds must not be limited.
func TestICEChecksToSilentAddressesAreLimited(t *testing.T) {
	m := newMuxed(t)
	now := time.Now()
	m.now = func() time.Time { return now }
	victim := addrPort(listen(t, "udp4", "127.0.0.1:0", Options{}).udp)
	attacker := m.open("attacker")
	if n := m.sendChecks(attacker, victim, 10*maxConnChecks); n != maxConnChecks {
		t.Errorf("%d checks were sent to a silent address", n)
	}
	m.send(request("attacker"), attacker)
	m.reply(attacker)
	m.send(media, attacker)
	if n := m.sendChecks(attacker, m.address, 10*maxConnChecks); n != 10*maxConnChecks {
		t.Errorf("%d of %d checks were sent to an address that responds", n, 10*maxConnChecks)
	}

	total := maxConnChecks
	for range 2 * checkBurst / maxConnChecks {
		total += m.sendChecks(m.open("another"), victim, maxConnChecks)
	}
	if total != checkBurst {
		t.Errorf("%d checks in total were sent to a silent address", total)
	}
	if now = now.Add(time.Second); m.sendChecks(m.open("later"), victim, maxConnChecks) != maxConnChecks {
		t.Error("no checks were sent one second later")
	}
}
