package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"meet/internal/doctor"
	"meet/internal/publicip"
)

// hopTimeout limits each attempt to pass a hop.
const hopTimeout = 5 * time.Second

// maxAddresses is the maximum number of addresses of the host that are tried.
const maxAddresses = 8

// Options describe the server and how it is reached. Only URL is required.
type Options struct {
	URL string // http or https, with the path of the site
	// Token returns an access token with which the identity may join a room, hidden, and send data. If Token is nil, there is
	// no relayed call.
	Token    func(identity string) (string, error)
	Roots    *x509.CertPool // trusted authorities; nil means the system's
	Resolver *net.Resolver  // nil means the system's
}

// checker checks one server.
type checker struct {
	o          Options
	url        *url.URL
	host, port string
	addresses  []netip.Addr // of the host
	untrusted  bool         // handshake has found a certificate that this machine does not trust
	findings   []doctor.Finding
}

// Check returns a finding for each hop. Hops that depend on a hop that fails are left out.
func Check(ctx context.Context, o Options) []doctor.Finding {
	c := &checker{o: o}
	if c.o.Resolver == nil {
		c.o.Resolver = net.DefaultResolver
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		c.fail("URL", "give --url in the form https://meet.example.org", "%q is not a URL of a server", o.URL)
		return c.findings
	}
	c.url, c.host, c.port = u, u.Hostname(), u.Port()
	if c.port == "" {
		c.port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if !c.lookUp(ctx) || !c.connect(ctx) {
		return c.findings
	}
	if u.Scheme == "https" && !c.handshake(ctx) {
		return c.findings
	}
	if !c.get(ctx) {
		return c.findings
	}
	if o.Token != nil && c.untrusted {
		c.warn("signalling", "run meet doctor on a machine that trusts the certificate", "no access token is sent to a server whose certificate is not trusted, so calls were not checked")
	}
	if o.Token == nil || c.untrusted {
		c.stun(ctx, c.port)
		return c.findings
	}
	c.call(ctx)
	return c.findings
}

// ok adds a finding about a hop that was passed.
func (c *checker) ok(hop, format string, args ...any) {
	c.findings = append(c.findings, doctor.Finding{Check: hop, Status: doctor.OK, Text: fmt.Sprintf(format, args...)})
}

// warn adds a finding about a hop that only some clients pass.
func (c *checker) warn(hop, advice, format string, args ...any) {
	c.findings = append(c.findings, doctor.Finding{Check: hop, Status: doctor.Warn, Text: fmt.Sprintf(format, args...), Advice: advice})
}

// fail adds a finding about a hop that was not passed, and returns false.
func (c *checker) fail(hop, advice, format string, args ...any) bool {
	c.findings = append(c.findings, doctor.Finding{Check: hop, Status: doctor.Fail, Text: fmt.Sprintf(format, args...), Advice: advice})
	return false
}

// lookUp resolves the host, unless it is an IP address.
func (c *checker) lookUp(ctx context.Context) bool {
	const hop = "name lookup"
	if a, err := netip.ParseAddr(c.host); err == nil {
		c.addresses = []netip.Addr{a}
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, hopTimeout)
	defer cancel()
	all, err := c.o.Resolver.LookupNetIP(ctx, "ip", c.host)
	if err != nil {
		return c.fail(hop, "create an A or AAAA record for it, or correct the name", "%s does not resolve to an address: %s", c.host, doctor.LookupProblem(err))
	}
	for _, a := range all[:min(len(all), maxAddresses)] {
		c.addresses = append(c.addresses, a.Unmap())
	}
	c.ok(hop, "%s resolves to %s", c.host, list(c.addresses))
	return true
}

// connect opens a TCP connection to each address of the host. It keeps the addresses that accept one.
func (c *checker) connect(ctx context.Context) bool {
	const hop = "TCP connect"
	const advice = "open the TCP port in the firewall, and forward it in the router; a router without hairpinning refuses connections from its own network, so check from another network too"
	var reached, failed []netip.Addr
	var problem error
	for _, a := range c.addresses {
		conn, err := c.dial(ctx, "tcp", a)
		if err != nil {
			failed, problem = append(failed, a), err
			continue
		}
		_ = conn.Close() // nothing was sent
		reached = append(reached, a)
	}
	c.addresses = reached
	switch {
	case len(reached) == 0:
		return c.fail(hop, advice, "TCP port %s of %s cannot be reached: %v", c.port, list(failed), reason(problem))
	case len(failed) > 0:
		c.warn(hop, advice, "TCP port %s can be reached at %s, but not at %s: %v", c.port, list(reached), list(failed), reason(problem))
	default:
		c.ok(hop, "TCP port %s can be reached at %s", c.port, list(reached))
	}
	return true
}

// dial connects to the port of the server at an address.
func (c *checker) dial(ctx context.Context, network string, a netip.Addr) (net.Conn, error) {
	d := net.Dialer{Timeout: hopTimeout}
	return d.DialContext(ctx, network, net.JoinHostPort(a.String(), c.port))
}

// handshake makes a TLS handshake and checks the certificate. It reports whether browsers open the site.
func (c *checker) handshake(ctx context.Context) bool {
	const hop = "TLS handshake"
	conn, err := c.dial(ctx, "tcp", c.addresses[0])
	if err != nil {
		return c.fail(hop, "start the server again and read its log", "the server refuses another connection: %v", reason(err))
	}
	defer func() { _ = conn.Close() }() // nothing is queued
	// The certificate is checked below, in sentences.
	secure := tls.Client(conn, &tls.Config{ServerName: c.host, InsecureSkipVerify: true}) //nolint:gosec // see above
	ctx, cancel := context.WithTimeout(ctx, hopTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return c.fail(hop, "read the server's log; a server that has no certificate yet refuses TLS, and another program may use the port", "the server does not complete the TLS handshake: %v", reason(err))
	}
	chain, now := secure.ConnectionState().PeerCertificates, time.Now()
	f := doctor.AssessCertificate(chain, c.host, c.o.Roots, now)
	f.Check, c.untrusted = hop, doctor.VerifyChain(chain, c.o.Roots, now) != nil
	c.findings = append(c.findings, f)
	return f.Status != doctor.Fail
}

// client returns an HTTP client that trusts c.o.Roots. It uses no proxy, because the server itself is checked. A certificate
// that this machine does not trust was already reported.
func (c *checker) client() *http.Client {
	d := net.Dialer{Timeout: hopTimeout, Resolver: c.o.Resolver}
	return &http.Client{
		Timeout:       hopTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: d.DialContext, TLSClientConfig: c.tlsConfig()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tlsConfig returns the TLS settings of all connections after handshake, which has checked the certificate.
func (c *checker) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: c.host, RootCAs: c.o.Roots, InsecureSkipVerify: c.untrusted} //nolint:gosec // reported by handshake
}

// get requests the path /healthz of the site.
func (c *checker) get(ctx context.Context) bool {
	const hop = "HTTP response"
	address := strings.TrimSuffix(c.url.String(), "/") + "/healthz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return c.fail(hop, "correct --url", "%s cannot be requested: %v", address, err)
	}
	resp, err := c.client().Do(req)
	if err != nil {
		return c.fail(hop, "check whether Meet, or a proxy in front of it, serves this port", "%s does not respond: %v", address, reason(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil || resp.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "ok" {
		return c.fail(hop, "check whether Meet, or a proxy in front of it, serves this URL, and whether --base-path is right", "%s responds with status %d, which is not Meet's response", address, resp.StatusCode)
	}
	c.ok(hop, "%s responds", address)
	return true
}

// stun sends a STUN request to a UDP port of each address that TCP has reached.
func (c *checker) stun(ctx context.Context, port string) {
	const hop = "UDP response"
	const advice = "open the UDP port in the firewall, and forward it in the router; without UDP, media uses TCP, which is slower"
	var reached, failed []netip.Addr
	var problem error
	for _, a := range c.addresses {
		network := "udp6"
		if a.Is4() {
			network = "udp4"
		}
		if _, err := publicip.QuerySTUN(ctx, network, net.JoinHostPort(a.String(), port)); err != nil && !errors.Is(err, publicip.ErrNoAddress) {
			failed, problem = append(failed, a), err
			continue
		}
		reached = append(reached, a)
	}
	if len(failed) > 0 {
		c.warn(hop, advice, "UDP port %s of %s does not respond: %v", port, list(failed), reason(problem))
		return
	}
	c.ok(hop, "UDP port %s responds at %s", port, list(reached))
}

// reason returns what went wrong, without the addresses in the error, which the finding contains already.
func reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
		return errors.New("no answer arrived in time, so a firewall may drop the packets")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err
}

// list returns the addresses with commas between them.
func list(addresses []netip.Addr) string {
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
