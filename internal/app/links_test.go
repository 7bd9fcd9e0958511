package app

import (
	"context"
	"image"
	"image/color"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	qr "github.com/piglig/go-qr"

	"meet/internal/certs"
	"meet/internal/config"
	"meet/internal/netaddr"
	"meet/internal/wire"
	"meet/test/testcert"
)

// newLinksApp returns an app that listens on an address and has the certificates of its settings, and nothing else.
func newLinksApp(t *testing.T, cfg config.Config) *App {
	t.Helper()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	a := &App{config: cfg, log: slog.New(slog.DiscardHandler)}
	if err := a.openCertificates(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.tcp = wire.NewProtocolMux(listener, wire.ProtocolMuxOptions{})
	a.push("TCP connections", func(context.Context) error { return ignoreClosed(a.tcp.Close()) })
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// greeting returns what the server prints.
func greeting(t *testing.T, a *App) string {
	t.Helper()
	var b strings.Builder
	if err := a.Greet(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGreetingOfALANServerLeadsDevicesToTheTrustPage(t *testing.T) {
	a := newLinksApp(t, config.Config{Listen: ":0", LAN: true, NodeIP: "198.51.100.9", BasePath: "/meet"})
	_, port, _ := net.SplitHostPort(a.Addr().String())
	text := greeting(t, a)
	for _, want := range []string{
		"Open            http://localhost:" + port + "/meet/\n",
		"On the network  https://198.51.100.9:" + port + "/meet/\n",
		"First visit     http://198.51.100.9:" + port + "/meet/trust\n",
		"Fingerprint     " + a.certificates.(*certs.LAN).Root().Fingerprint() + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the greeting lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("the greeting contains a QR code although it is not printed to a terminal")
	}
	usable, err := netaddr.Usable()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range usable {
		if want := "https://" + a.hostPort(address.String()); !strings.Contains(text, want) {
			t.Errorf("the greeting lacks %s", want)
		}
	}
}

func TestGreetingOfALANServerOnOneAddressLeadsToTheTrustPage(t *testing.T) {
	usable, err := netaddr.Usable()
	if err != nil || len(usable) == 0 {
		t.Skip("this machine has only loopback addresses")
	}
	a := newLinksApp(t, config.Config{Listen: net.JoinHostPort(usable[0].String(), "0"), LAN: true})
	if text, want := greeting(t, a), "First visit     http://"+a.Addr().String()+"/trust\n"; !strings.Contains(text, want) {
		t.Errorf("the greeting lacks %q:\n%s", want, text)
	}
}

func TestGreetingOfAServerWithADomainShowsOnlyTheDomain(t *testing.T) {
	a := newLinksApp(t, config.Config{Listen: "127.0.0.1:0", Domain: "meet.example.org"})
	_, port, _ := net.SplitHostPort(a.Addr().String())
	text := greeting(t, a)
	if !strings.Contains(text, "Open            https://meet.example.org:"+port+"/\n") || strings.Contains(text, "On the network") {
		t.Errorf("greeting:\n%s", text)
	}
}

func TestInvitationLinksUseAHostThatOthersReach(t *testing.T) {
	for name, tt := range map[string]struct {
		config     config.Config
		host, want string // PORT stands for the server's port
	}{
		"LAN, on localhost":              {config.Config{Listen: ":0", LAN: true, NodeIP: "198.51.100.9"}, "localhost:PORT", "https://198.51.100.9:PORT"},
		"LAN, on 127.0.0.1":              {config.Config{Listen: ":0", LAN: true, NodeIP: "198.51.100.9"}, "127.0.0.1:PORT", "https://198.51.100.9:PORT"},
		"LAN, by an address":             {config.Config{Listen: ":0", LAN: true, NodeIP: "198.51.100.9"}, "192.0.2.7:PORT", ""},
		"domain, on localhost":           {config.Config{Listen: ":0", Domain: "meet.example.org"}, "localhost:PORT", "https://meet.example.org:PORT"},
		"domain, by the domain":          {config.Config{Listen: ":0", Domain: "meet.example.org"}, "meet.example.org:PORT", ""},
		"without TLS":                    {config.Config{Listen: ":0", NodeIP: "198.51.100.9"}, "localhost:PORT", "http://198.51.100.9:PORT"},
		"reachable on this machine only": {config.Config{Listen: "127.0.0.1:0", LAN: true}, "localhost:PORT", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newLinksApp(t, tt.config)
			_, port, _ := net.SplitHostPort(a.Addr().String())
			r := httptest.NewRequest("GET", "/rooms/blue", nil)
			r.Host = strings.ReplaceAll(tt.host, "PORT", port)
			if got, want := a.inviteOrigin(r), strings.ReplaceAll(tt.want, "PORT", port); got != want {
				t.Errorf("origin %q, want %q", got, want)
			}
		})
	}
}

func TestLinksOfACertificateFileLeaveOutPatterns(t *testing.T) {
	names := []string{"*.example.org", "localhost", "meet.example.org"}
	certFile, keyFile := testcert.New(t, names...)
	a := newLinksApp(t, config.Config{Listen: ":0", TLSCert: certFile, TLSKey: keyFile})
	if got := a.otherHosts(); !slices.Equal(got, []string{"meet.example.org"}) {
		t.Errorf("hosts %q", got)
	}
}

func TestHTTPSOriginOfARequestToThePortForPlainHTTPHasTheOtherPort(t *testing.T) {
	a := newLinksApp(t, config.Config{Listen: "127.0.0.1:0", LAN: true})
	r := httptest.NewRequest("GET", "/trust", nil)
	for host, want := range map[string]string{"192.0.2.7:8080": "https://192.0.2.7:8080", "[2001:db8::1]:443": "https://[2001:db8::1]", "a b": ""} {
		r.Host = host
		if got := a.httpsOrigin(r); got != want {
			t.Errorf("%s: origin %q, want %q", host, got, want)
		}
	}
}

// The test reads the characters of the code as an image and decodes it.
func TestQRCodeInTheTerminalContainsTheLink(t *testing.T) {
	const link = "http://192.168.178.20:8080/trust"
	text, err := qrCode(link)
	if err != nil {
		t.Fatal(err)
	}
	const scale = 8 // pixels for each module
	text = strings.NewReplacer("  \x1b[38;5;16m\x1b[48;5;231m", "", "\x1b[0m", "").Replace(text)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	width := utf8.RuneCountInString(lines[0])
	pixels := image.NewGray(image.Rect(0, 0, scale*(width+8), scale*(2*len(lines)+8)))
	for i := range pixels.Pix {
		pixels.Pix[i] = 255
	}
	for y, line := range lines {
		for x, r := range []rune(line) {
			for half, dark := range []bool{r == '█' || r == '▀', r == '█' || r == '▄'} {
				for i := range scale * scale {
					if dark {
						pixels.SetGray(scale*(x+4)+i%scale, scale*(2*y+half+4)+i/scale, color.Gray{})
					}
				}
			}
		}
	}
	if got, err := qr.Decode(pixels); err != nil || got != link {
		t.Errorf("the code contains %q (%v)", got, err)
	}
	if isTerminal(io.Discard) {
		t.Error("a writer that is no file counts as terminal")
	}
}
