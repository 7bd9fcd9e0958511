package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// resolver returns a resolver that knows meet.example.org with the addresses 203.0.113.7 and 192.168.1.2, local.example.org
// with the address 127.0.1.1, and no other name. Its name server runs until the end of the test.
func resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends when conn is closed
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := answerDNS(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from) // the resolver retries
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close() // nothing is queued
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answerDNS returns the response to a query, or nil if there is none.
func answerDNS(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
	known := map[string][][4]byte{"meet.example.org.": {{203, 0, 113, 7}, {192, 168, 1, 2}}, "local.example.org.": {{127, 0, 1, 1}}}
	if addresses, ok := known[q.Name.String()]; !ok {
		m.RCode = dnsmessage.RCodeNameError
	} else if q.Type == dnsmessage.TypeA {
		for _, ip := range addresses {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}, Body: &dnsmessage.AResource{A: ip},
			})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func TestDomainThatDoesNotResolveToThisMachineIsReported(t *testing.T) {
	r := resolver(t)
	check := func(domain string, known ...string) Finding {
		f, _ := checkDomain(t.Context(), r, domain, addresses(known...))
		return f
	}
	wantFinding(t, check("meet.example.org", "203.0.113.7", "192.168.1.2"), OK, "which this machine has")
	wantFinding(t, check("meet.example.org", "192.168.1.2"), Warn, "resolves to 203.0.113.7, which is not known")
	wantFinding(t, check("other.example.org", "192.168.1.2"), Fail, "other.example.org does not resolve to a usable address: there is no such name")
	wantFinding(t, check("local.example.org", "127.0.1.1"), Fail, "no other machine can use its addresses [127.0.1.1]")
}

func TestSilentSTUNServerIsReported(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") // answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing is queued
	f, public := checkSTUNServer(t.Context(), conn.LocalAddr().String())
	wantFinding(t, f, Warn, "no answer arrived")
	if len(public) > 0 {
		t.Errorf("public addresses: %v", public)
	}
}

func TestAddressesThatCannotBeListedAreReportedWithTheReason(t *testing.T) {
	none := func() ([]netip.Addr, error) { return nil, nil }
	fails := func() ([]netip.Addr, error) { return nil, errors.New("permission denied") }
	wantFinding(t, checkAddress(Options{}, nil, none, fails), Warn, "cannot be listed: permission denied")
	wantFinding(t, checkAddress(Options{}, nil, fails, none), Warn, "cannot be listed: permission denied")
}
