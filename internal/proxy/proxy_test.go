package proxy_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"meet/internal/proxy"
)

// request returns a request of a trusted proxy with the given headers, each in the form "Name: value".
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host, r.RemoteAddr = "10.0.0.5:8080", "10.0.0.1:50"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestHTTPSIsDetectedFromHeadersOfTheOutermostProxy(t *testing.T) {
	for header, want := range map[string]bool{
		"":                                     false,
		"X-Forwarded-Proto: https":             true,
		"X-Forwarded-Proto: HTTPS":             true,
		"X-Forwarded-Proto: https, http":       true, // the outermost proxy terminates TLS
		"X-Forwarded-Proto: http, https":       false,
		"X-Forwarded-Proto: wss":               true, // Traefik, for a WebSocket
		"X-Forwarded-Proto: http":              false,
		"X-Forwarded-Protocol: https":          true,
		"X-Forwarded-Ssl: on":                  true,
		"X-Forwarded-Ssl: off":                 false,
		"X-Forwarded-Scheme: https":            true,
		"X-Scheme: https":                      true,
		"X-Url-Scheme: https":                  true,
		"Front-End-Https: on":                  true,
		"Front-End-Https: Off":                 false,
		"CloudFront-Forwarded-Proto: https":    true,
		"Forwarded: proto=https":               true,
		"Forwarded: For=192.0.2.1;Proto=HTTPS": true,
		`Forwarded: for="[2001:db8::1]:4711"; proto="https";by=203.0.113.1, proto=http`: true,
		`Forwarded: for="a,b;proto=https";proto=http, proto=https`:                      false,
		`Forwarded: for="\"";proto=https`:                                               true,
		"Forwarded: proto=http, proto=https":                                            false,
		"Forwarded: ;;,=":                                                               false,
	} {
		if got := proxy.HTTPS(request(header)); got != want {
			t.Errorf("%s: TLS %v, want %v", header, got, want)
		}
	}
	if !proxy.HTTPS(request("X-Forwarded-Proto: http", "CloudFront-Forwarded-Proto: https")) {
		t.Error("one header reports HTTP, the other HTTPS: got HTTP")
	}
	r := httptest.NewRequest(http.MethodGet, "https://meet.example.org/", nil)
	if !proxy.HTTPS(r) {
		t.Error("a request over TLS is not reported as HTTPS")
	}
}

func TestHostIsReadFromHeadersOfTheOutermostProxy(t *testing.T) {
	for header, want := range map[string]string{
		"":                                  "10.0.0.5:8080",
		"X-Forwarded-Host: pub.example.org": "pub.example.org",
		"X-Forwarded-Host: pub.example.org:8443, inner":      "pub.example.org:8443",
		"X-Forwarded-Host: [2001:db8::1]:8443":               "[2001:db8::1]:8443",
		"X-Forwarded-Host: pub.example.org/path":             "10.0.0.5:8080",
		"X-Forwarded-Host: user@pub.example.org":             "10.0.0.5:8080",
		`Forwarded: proto=https;host="pub.example.org:8443"`: "pub.example.org:8443",
		"Forwarded: host=pub.example.org, host=inner":        "pub.example.org",
		`Forwarded: host="pub.example.org/path";proto=https`: "10.0.0.5:8080",
		"X-Original-Host: pub.example.org":                   "pub.example.org",
	} {
		if got := proxy.Host(request(header)); got != want {
			t.Errorf("%s: host %q, want %q", header, got, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/?host=page.example.org:8443", nil)
	r.RemoteAddr = "10.0.0.1:50"
	r.Header.Set("X-Forwarded-Host", "pub.example.org")
	if got := proxy.PageHost(r); got != "page.example.org:8443" {
		t.Errorf("the page's host is %q", got)
	}
	r.URL.RawQuery = "host=a/b"
	if got := proxy.PageHost(r); got != "pub.example.org" {
		t.Errorf("with an invalid host parameter the page's host is %q", got)
	}
}

func TestSchemeAndHostAreReadFromTrustedProxiesOnly(t *testing.T) {
	named := proxy.Trusted{netip.MustParsePrefix("203.0.113.0/28")}
	for _, tt := range []struct {
		name, peer string
		trusted    proxy.Trusted
		want       bool
	}{
		{"a private proxy", "10.0.0.1:50", nil, true},
		{"a stranger", "198.51.100.7:50", nil, false},
		{"a named proxy", "203.0.113.9:50", named, true},
		{"a private address that is not named", "10.0.0.1:50", named, false},
	} {
		r := request("X-Forwarded-Proto: https", "X-Forwarded-Host: pub.example.org")
		r.RemoteAddr = tt.peer
		tt.trusted.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if https, host := proxy.HTTPS(r), proxy.Host(r); https != tt.want || (host == "pub.example.org") != tt.want {
				t.Errorf("%s: HTTPS %v, host %s", tt.name, https, host)
			}
			if !proxy.Forwarded(r) {
				t.Errorf("%s: the headers are not noticed", tt.name)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestClientIPIsReadFromTrustedProxiesOnly(t *testing.T) {
	named := proxy.Trusted{netip.MustParsePrefix("203.0.113.0/28"), netip.MustParsePrefix("2001:db8:f::1/128")}
	for _, tt := range []struct {
		name, peer, header string
		trusted            proxy.Trusted
		want               string
	}{
		{"no proxy", "198.51.100.7:50", "", nil, "198.51.100.7"},
		{"a proxy on this machine", "127.0.0.1:50", "X-Forwarded-For: 198.51.100.7", nil, "198.51.100.7"},
		{"a proxy by IPv6", "[::1]:50", "X-Forwarded-For: 2001:db8::7", nil, "2001:db8::7"},
		{"forged by a client without a proxy", "198.51.100.7:50", "X-Forwarded-For: 192.0.2.1", nil, "198.51.100.7"},
		{"forged by a client behind a proxy", "10.0.0.1:50", "X-Forwarded-For: 192.0.2.1, 198.51.100.7", nil, "198.51.100.7"},
		{"proxies in a row", "10.0.0.1:50", "X-Forwarded-For: 198.51.100.7, 192.168.0.2,fd00::3", nil, "198.51.100.7"},
		{"all addresses are private", "10.0.0.1:50", "X-Forwarded-For: 192.168.0.9, 192.168.0.2", nil, "192.168.0.9"},
		{"a port, as Azure writes it", "10.0.0.1:50", "X-Forwarded-For: 198.51.100.7:4711", nil, "198.51.100.7"},
		{"no address", "10.0.0.1:50", "X-Forwarded-For: unknown", nil, "10.0.0.1"},
		{"no address from the outer proxy", "10.0.0.1:50", "X-Forwarded-For: unknown, 10.0.0.2", nil, "10.0.0.2"},
		{"mapped addresses", "[::ffff:10.0.0.1]:50", "X-Forwarded-For: ::ffff:198.51.100.7", nil, "198.51.100.7"},
		{"a link-local proxy", "[fe80::1%eth0]:50", "X-Forwarded-For: 198.51.100.7", nil, "198.51.100.7"},
		{"Forwarded", "10.0.0.1:50", `Forwarded: for="[2001:db8::7]:4711";proto=https, for=10.0.0.2`, nil, "2001:db8::7"},
		{"Forwarded without a port", "10.0.0.1:50", `Forwarded: For=198.51.100.7;by=10.0.0.1`, nil, "198.51.100.7"},
		{"a quote that the client opened", "10.0.0.1:50", `Forwarded: for=192.0.2.1;x=", for=198.51.100.7`, nil, "198.51.100.7"},
		{"a quote before an address", "10.0.0.1:50", `X-Forwarded-For: ", 198.51.100.7`, nil, "198.51.100.7"},
		{"Forwarded without an address", "10.0.0.1:50", `Forwarded: for=_hidden, proto=https`, nil, "10.0.0.1"},

		{"a named proxy", "203.0.113.9:50", "X-Forwarded-For: 198.51.100.7", named, "198.51.100.7"},
		{"a named proxy by Forwarded", "[2001:db8:f::1]:50", "Forwarded: for=198.51.100.7", named, "198.51.100.7"},
		{"a proxy outside the named network", "203.0.113.16:50", "X-Forwarded-For: 198.51.100.7", named, "203.0.113.16"},
		{"a private proxy that is not named", "10.0.0.1:50", "X-Forwarded-For: 198.51.100.7", named, "10.0.0.1"},
		{"a private client of a named proxy", "203.0.113.9:50", "X-Forwarded-For: 198.51.100.7, 10.0.0.1", named, "10.0.0.1"},
		{"peer is not an IP address", "@", "X-Forwarded-For: 198.51.100.7", named, "@"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.header)
			r.RemoteAddr = tt.peer
			got := ""
			tt.trusted.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = proxy.ClientIP(r) })).ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("the client is %s, want %s", got, tt.want)
			}
			if bare := proxy.ClientIP(r); tt.trusted == nil && bare != tt.want {
				t.Errorf("without a handler the client is %s, want %s", bare, tt.want)
			}
		})
	}
	lines := request(`Forwarded: for=192.0.2.1;x="`, "Forwarded: for=198.51.100.7")
	lines.RemoteAddr = "10.0.0.1:50"
	if got := proxy.ClientIP(lines); got != "198.51.100.7" {
		t.Errorf("with two header lines the client is %s", got)
	}
	both := request("X-Forwarded-For: 198.51.100.7", "Forwarded: for=192.0.2.1")
	both.RemoteAddr = "10.0.0.1:50"
	if got := proxy.ClientIP(both); got != "198.51.100.7" {
		t.Errorf("with both headers the client is %s", got)
	}
}

func TestSameHostOriginRefusesPagesOfOtherHosts(t *testing.T) {
	for _, tt := range []struct {
		origin, host, header string
		want                 bool
	}{
		{"https://h", "h", "", true},
		{"https://h", "h:443", "", true},
		{"http://h", "h:80", "", true},
		{"https://h", "h:80", "", true}, // from a proxy behind one that terminates TLS
		{"https://H.Example", "h.example:443", "", true},
		{"https://h:8443", "h:8443", "", true},
		{"https://[2001:db8::1]", "[2001:db8::1]:443", "", true},
		{"https://h:8443", "h", "", false},
		{"https://h", "h:8443", "", false},
		{"https://evil.example", "h", "", false},
		{"https://h.evil.example", "h", "", false},
		{"null", "h", "", false},
		{"h", "h", "", false},
		{"", "h", "", false},
		{"https://h", "10.0.0.5:8080", "", false},
		{"https://h", "10.0.0.5:8080", "X-Forwarded-Host: h", true},
		{"https://h", "10.0.0.5:8080", "X-Forwarded-Host: h:443, inner", true},
		{"https://h", "10.0.0.5:8080", "Forwarded: proto=https;host=h", true},
		{"https://h", "h", "X-Forwarded-Host: outer.example", true},
		{"https://evil.example", "h", "X-Forwarded-Host: h", false},
	} {
		r := request(tt.header)
		r.Host = tt.host
		if got := proxy.SameHostOrigin(tt.origin, r); got != tt.want {
			t.Errorf("page of %s, host %s, %s: own %v, want %v", tt.origin, tt.host, tt.header, got, tt.want)
		}
	}
}

// The headers have the maximum length that net/http accepts.
func TestLongForwardingHeadersCauseFewAllocations(t *testing.T) {
	for _, r := range []*http.Request{
		request("Forwarded: " + strings.Repeat("a,", 500_000)),
		request("Forwarded: " + strings.Repeat(";", 1_000_000)),
		request("X-Forwarded-For: " + strings.Repeat(",", 1_000_000)),
		request("X-Forwarded-For: " + strings.Repeat("10.0.0.2,", 100_000)),
	} {
		r.RemoteAddr = "10.0.0.1:50"
		if n := testing.AllocsPerRun(1, func() { proxy.ClientIP(r); proxy.HTTPS(r); proxy.Host(r); proxy.Forwarded(r) }); n > 100 {
			t.Errorf("%.0f allocations for %.40q", n, r.Header)
		}
	}
}

// FuzzForwardingHeaders passes arbitrary headers to every function that reads them. It checks that the address that a proxy
// appends to a header is used, regardless of the text before it.
func FuzzForwardingHeaders(f *testing.F) {
	f.Add(`for="[2001:db8::7]:4711";proto=https, host="a\"b"`, "198.51.100.7, unknown")
	f.Fuzz(func(t *testing.T, forwarded, list string) {
		r := request("Forwarded: "+forwarded, "X-Forwarded-Host: "+list)
		r.RemoteAddr = "10.0.0.1:50"
		if _, err := netip.ParseAddr(proxy.ClientIP(r)); err != nil {
			t.Error(err)
		}
		for _, header := range []string{"Forwarded: " + forwarded + ", for=198.51.100.7", "X-Forwarded-For: " + list + ", 198.51.100.7"} {
			appended := request(header)
			appended.RemoteAddr = r.RemoteAddr
			if got := proxy.ClientIP(appended); got != "198.51.100.7" {
				t.Errorf("%q: the client is %s", header, got)
			}
		}
		proxy.HTTPS(r)
		if host := proxy.Host(r); strings.ContainsAny(host, " /@,;\"") {
			t.Errorf("host %q", host)
		}
	})
}

func TestTLSPortIsThatOfTheBrowsersURL(t *testing.T) {
	for host, want := range map[string]int{"h": 443, "h:8443": 8443, "[2001:db8::7]": 443, "[2001:db8::7]:8080": 8080, "h:99999": 443} {
		r := request("X-Forwarded-Proto: https")
		r.Host = host
		if got := proxy.TLSPort(r); got != 0 {
			t.Errorf("%s: %d, although a proxy terminates TLS", host, got)
		}
		r.TLS = &tls.ConnectionState{}
		if got := proxy.TLSPort(r); got != 0 {
			t.Errorf("%s: %d, although the TLS connection is that of a proxy", host, got)
		}
		r.RemoteAddr = "203.0.113.1:50" // not a trusted proxy
		if got := proxy.TLSPort(r); got != want {
			t.Errorf("forged headers, %s: %d, want %d", host, got, want)
		}
		r.RemoteAddr, r.Header = "10.0.0.1:50", http.Header{}
		if got := proxy.TLSPort(r); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}

func TestHostnameIsTheHostWithoutItsPort(t *testing.T) {
	for host, want := range map[string]string{
		"203.0.113.7:8443": "203.0.113.7", "203.0.113.7": "203.0.113.7", "[2001:db8::7]:443": "2001:db8::7", "[2001:db8::7]": "2001:db8::7",
		"meet.example.org:443": "meet.example.org", "": "",
	} {
		r := request()
		r.Host = host
		if got := proxy.Hostname(r); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
