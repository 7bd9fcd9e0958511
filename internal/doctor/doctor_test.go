package doctor

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wantFinding fails the test unless f has the status s, contains text, and has advice if and only if s is not OK.
func wantFinding(t *testing.T, f Finding, s Status, text string) {
	t.Helper()
	if f.Status != s || !strings.Contains(f.Text, text) {
		t.Errorf("%+v, want %s with %q", f, s, text)
	}
	if (f.Status == OK) != (f.Advice == "") {
		t.Errorf("%+v: a finding must have advice exactly if it is not ok", f)
	}
}

func TestDataFolderIsCheckedAndLeftUnchanged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open, private := filepath.Join(dir, "open"), filepath.Join(dir, "private")
	for path, mode := range map[string]os.FileMode{open: 0o755, private: 0o700} {
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	wantFinding(t, checkDataFolder(private), OK, "only by this user")
	wantFinding(t, checkDataFolder(open), Warn, "other users can read it")
	wantFinding(t, checkDataFolder(file), Fail, "not a folder")
	wantFinding(t, checkDataFolder(filepath.Join(file, "below")), Fail, "cannot be inspected")
	wantFinding(t, checkDataFolder(filepath.Join(dir, "a", "b")), OK, "does not exist yet")
	left, err := os.ReadDir(private)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("the folder was made")
	}
	if os.Getuid() != 0 { // root may write anywhere
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		wantFinding(t, checkDataFolder(locked), Fail, "cannot be written")
		wantFinding(t, checkDataFolder(filepath.Join(locked, "below")), Fail, "cannot be made")
	}
	wantFinding(t, checkDiskSpace(filepath.Join(dir, "a", "b")), OK, "free")
}

// listenBoth serves h on a TCP port, opens the UDP port with the same number, and returns their address.
func listenBoth(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Skipf("the UDP port with the same number is in use: %v", err)
	}
	t.Cleanup(func() { _ = udp.Close() }) // nothing was sent
	return address
}

func TestPortCheckReportsWhetherPortIsFreeTakenOrUsedByMeet(t *testing.T) {
	free := "127.0.0.1:0"
	wantFinding(t, checkTCPPort(free, false), OK, "free")
	wantFinding(t, checkUDPPort(free, false), OK, "packets from this machine reach it")
	wantFinding(t, checkUDPPort(":0", false), OK, "packets from this machine reach it")

	other := listenBoth(t, http.NotFoundHandler())
	if Serving(t.Context(), other) {
		t.Error("another web server is reported as a Meet")
	}
	wantFinding(t, checkTCPPort(other, false), Fail, "in use by another program")
	wantFinding(t, checkUDPPort(other, false), Fail, "in use by another program")

	meet := listenBoth(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/rtc/validate" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		http.Error(w, "no access token was given", http.StatusUnauthorized)
	}))
	if !Serving(t.Context(), meet) {
		t.Error("a running server is not recognized")
	}
	redirect := listenBoth(t, http.RedirectHandler("https://meet.example.org/rtc/validate", http.StatusPermanentRedirect))
	if Serving(t.Context(), redirect) {
		t.Error("a redirect to another machine is followed")
	}
	wantFinding(t, checkTCPPort(meet, true), OK, "a running Meet")
	wantFinding(t, checkUDPPort(meet, true), OK, "a running Meet")

	nowhere := "192.0.2.1:9" // RFC 5737: not an address of this machine
	wantFinding(t, checkTCPPort(nowhere, false), Fail, "no address")
	wantFinding(t, checkUDPPort(nowhere, false), Fail, "no address")
}

func TestUnspecifiedListenAddressIsReplacedByLoopback(t *testing.T) {
	for listen, want := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "[::1]:1", "192.0.2.7:1": "192.0.2.7:1", "example.org:1": "example.org:1",
	} {
		if got := localAddress(listen); got != want {
			t.Errorf("local(%q) = %q, want %q", listen, got, want)
		}
	}
}

// addresses parses IP addresses.
func addresses(texts ...string) (all []netip.Addr) {
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func TestAddressThatOthersCannotReachIsReported(t *testing.T) {
	for name, tc := range map[string]struct {
		o              Options
		public, usable []netip.Addr
		status         Status
		text           string
	}{
		"public":                {Options{}, nil, addresses("192.168.1.2", "203.0.113.7"), OK, "192.168.1.2, 203.0.113.7"},
		"private":               {Options{}, nil, addresses("192.168.1.2"), Warn, "the local network"},
		"private, on a LAN":     {Options{LANAuthority: "lan.pem"}, nil, addresses("192.168.1.2"), OK, "192.168.1.2"},
		"carrier-grade NAT":     {Options{}, nil, addresses("100.64.3.4"), Warn, "the local network"},
		"none":                  {Options{}, nil, nil, Fail, "no address"},
		"found by STUN":         {Options{}, addresses("203.0.113.7"), addresses("192.168.1.2"), OK, "192.168.1.2, 203.0.113.7"},
		"node IP":               {Options{NodeIP: "203.0.113.7"}, nil, addresses("192.168.1.2"), Warn, "203.0.113.7 is not an address of this machine"},
		"node IP of this host":  {Options{NodeIP: "203.0.113.8"}, nil, addresses("192.168.1.2", "203.0.113.8"), OK, "192.168.1.2, 203.0.113.8"},
		"one address":           {Options{Listen: "203.0.113.8:8080"}, nil, addresses("192.168.1.2", "203.0.113.8"), OK, "offered on 203.0.113.8"},
		"only loopback":         {Options{Listen: "127.0.0.1:8080"}, nil, addresses("203.0.113.7"), Warn, "only this machine"},
		"only loopback of IPv6": {Options{Listen: "[::1]:8080"}, nil, addresses("203.0.113.7"), Warn, "only this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.o.Listen == "" {
				tc.o.Listen = ":8080"
			}
			wantFinding(t, assessAddress(tc.o, tc.public, append(addresses("127.0.0.1"), tc.usable...), tc.usable), tc.status, tc.text)
		})
	}
}

func TestClockThatMayBeWrongIsReported(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	wantFinding(t, assessClock(now, now.Add(-time.Hour), true, true), OK, "synchronized by NTP")
	wantFinding(t, assessClock(now, time.Time{}, false, false), OK, "it is 2026-08-01T12:00:00Z")
	wantFinding(t, assessClock(now, time.Time{}, false, true), Warn, "no service synchronizes")
	wantFinding(t, assessClock(now, now.Add(time.Hour), true, true), Fail, "before this program was built")
}

func TestSmallUDPBuffersCauseWarning(t *testing.T) {
	wantFinding(t, assessBuffers(wantedBuffer, wantedBuffer), OK, "8.0 MiB")
	wantFinding(t, assessBuffers(212992, wantedBuffer), Warn, "208 KiB to receive")
}

// The findings depend on the machine that runs the test, so only their presence is checked.
func TestExamineReportsEveryCheck(t *testing.T) {
	findings := Examine(context.Background(), Options{Listen: "127.0.0.1:0", DataDir: t.TempDir()})
	seen := map[string]bool{}
	for _, f := range findings {
		if f.Text == "" || (f.Status == OK) != (f.Advice == "") {
			t.Errorf("%+v", f)
		}
		seen[f.Check] = true
	}
	for _, want := range []string{"data folder", "disk space", "TCP port", "UDP port", "address", "clock", "open files", "UDP buffers", "UDP segmentation"} {
		if !seen[want] {
			t.Errorf("there is no finding for %s in %+v", want, findings)
		}
	}
}
