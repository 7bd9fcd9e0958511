package publicip

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answerPackets answers each packet at a UDP socket of its own, which it closes at the end of the test, and returns the
// socket's address. No response is sent if answer returns nil.
func answerPackets(t *testing.T, answer func(request []byte) []byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { // ends when the socket is closed
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if response := answer(buf[:n]); response != nil {
				_, _ = conn.WriteTo(response, from) // the client retries
			}
		}
	})
	t.Cleanup(func() {
		_ = conn.Close() // nothing is queued
		work.Wait()
	})
	return conn.LocalAddr().String()
}

// stunServer is a STUN server that reports the address stored in *ip. It does not answer while there is none.
func stunServer(t *testing.T, ip *atomic.Pointer[net.IP]) string {
	t.Helper()
	return answerPackets(t, func(request []byte) []byte {
		m := &stun.Message{Raw: slices.Clone(request)}
		if m.Decode() != nil || ip.Load() == nil {
			return nil
		}
		return stun.MustBuild(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: *ip.Load(), Port: 4000}).Raw
	})
}

// eventually polls until cond returns true. The test fails when its deadline is near.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !cond(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// logLines is a log that counts its lines.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count returns how often part occurs in the log.
func (l *logLines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func TestAddressFromSTUNServerIsKeptWhileItFailsAndReplacedWhenItChanges(t *testing.T) {
	var ip atomic.Pointer[net.IP]
	report := func(text string) {
		parsed := net.ParseIP(text)
		ip.Store(&parsed)
	}
	report("203.0.113.7")
	log := &logLines{}
	w := Watch(Options{STUNServer: stunServer(t, &ip), Interval: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))})
	defer w.Close()
	only := func(text string) func() bool {
		return func() bool { return slices.Equal(w.Addresses(), []netip.Addr{netip.MustParseAddr(text)}) }
	}
	eventually(t, "the address is found", only("203.0.113.7"))
	ip.Store(nil)
	eventually(t, "a failure is logged", func() bool { return log.count("level=WARN") == 1 })
	if !only("203.0.113.7")() {
		t.Errorf("after a failure: %v", w.Addresses())
	}
	report("203.0.113.8")
	eventually(t, "the new address replaces the old one", only("203.0.113.8"))
	if n := log.count("public addresses changed"); n != 2 {
		t.Errorf("%d changes are logged, want 2", n)
	}
}

func TestUnusableAnswersOfSTUNServersAreErrors(t *testing.T) {
	for name, answer := range map[string]func(m *stun.Message) *stun.Message{
		"an error":     func(m *stun.Message) *stun.Message { return stun.MustBuild(m, stun.BindingError, stun.CodeBadRequest) },
		"no address":   func(m *stun.Message) *stun.Message { return stun.MustBuild(m, stun.BindingSuccess) },
		"loopback":     func(m *stun.Message) *stun.Message { return mapped(m, "127.0.0.1") },
		"unspecified":  func(m *stun.Message) *stun.Message { return mapped(m, "0.0.0.0") },
		"multicast":    func(m *stun.Message) *stun.Message { return mapped(m, "224.0.0.1") },
		"link-local":   func(m *stun.Message) *stun.Message { return mapped(m, "169.254.1.1") },
		"not a packet": func(*stun.Message) *stun.Message { return &stun.Message{Raw: []byte("?")} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := answerPackets(t, func(request []byte) []byte {
				m := &stun.Message{Raw: slices.Clone(request)}
				if m.Decode() != nil {
					return nil
				}
				return answer(m).Raw
			})
			if a, err := QuerySTUN(t.Context(), "udp4", server); err == nil {
				t.Errorf("the address is %v", a)
			}
		})
	}
}

// mapped returns a response to m that reports an address.
func mapped(m *stun.Message, ip string) *stun.Message {
	return stun.MustBuild(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.ParseIP(ip), Port: 4000})
}

func TestDomainIsResolvedToItsUsableAddresses(t *testing.T) {
	dns := answerPackets(t, func(request []byte) []byte {
		var m dnsmessage.Message
		if m.Unpack(request) != nil || len(m.Questions) != 1 {
			return nil
		}
		q := m.Questions[0]
		answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
		header := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}
		switch {
		case q.Name.String() == "local.example.org." && q.Type == dnsmessage.TypeA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 1, 1}}})
		case q.Name.String() == "local.example.org.":
		case q.Name.String() != "meet.example.org.":
			answer.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA:
			for _, ip := range [][4]byte{{203, 0, 113, 7}, {127, 0, 1, 1}} {
				answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip}})
			}
		case q.Type == dnsmessage.TypeAAAA:
			ip := netip.MustParseAddr("2001:db8::7").As16()
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip}})
		}
		packed, err := answer.Pack()
		if err != nil {
			t.Error(err)
		}
		return packed
	})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns)
	}}
	w := Watch(Options{Domain: "meet.example.org", Resolver: resolver})
	defer w.Close()
	want := []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")}
	eventually(t, "both addresses are found", func() bool { return slices.Equal(w.Addresses(), want) })

	log := &logLines{}
	other := Watch(Options{Domain: "other.example.org", Resolver: resolver, Log: slog.New(slog.NewTextHandler(log, nil))})
	defer other.Close()
	eventually(t, "the failure is logged", func() bool { return log.count("the domain does not resolve") > 0 })
	if all := other.Addresses(); len(all) > 0 {
		t.Errorf("an unknown name has the addresses %v", all)
	}

	local := Watch(Options{Domain: "local.example.org", Resolver: resolver, Log: slog.New(slog.NewTextHandler(log, nil))})
	defer local.Close()
	eventually(t, "the loopback address is logged", func() bool { return log.count("[127.0.1.1]") > 0 })
	if all := local.Addresses(); len(all) > 0 {
		t.Errorf("the loopback address is offered: %v", all)
	}
}

func TestWatcherWithoutSourcesHasNoAddresses(t *testing.T) {
	w := Watch(Options{})
	defer w.Close()
	if all := w.Addresses(); len(all) > 0 {
		t.Errorf("%v", all)
	}
}

func FuzzMappedAddressIsUsable(f *testing.F) {
	request := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	f.Add(mapped(request, "203.0.113.7").Raw)
	f.Add(mapped(request, "2001:db8::7").Raw)
	f.Add(stun.MustBuild(request, stun.BindingSuccess).Raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &stun.Message{Raw: raw}
		if m.Decode() != nil {
			return
		}
		if a, err := mappedAddress(m); err == nil && (!a.IsGlobalUnicast() || a.Zone() != "" || a.Is4In6()) {
			t.Errorf("the address %v is returned", a)
		}
	})
}
