package networks_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meet/test/networks"
	"meet/test/testcert"
)

// doctor runs "meet doctor" on a host, which trusts the certificate in certFile, if that is not "". It returns the output and
// the exit status.
func doctor(ctx context.Context, t *testing.T, h *networks.Host, certFile string, flags ...string) (output string, status int) {
	t.Helper()
	flags = append([]string{"doctor", "--listen", ":9999", "--data-dir", filepath.Join(t.TempDir(), "data"), "--keys", apiKey + ": " + apiSecret}, flags...)
	cmd := h.Command(ctx, meet, flags...)
	cmd.Dir = t.TempDir()
	if certFile != "" {
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+certFile)
	}
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// wantLines fails the test unless the output of doctor has a line for each of the regular expressions.
func wantLines(t *testing.T, output string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !regexp.MustCompile("(?m)^" + l).MatchString(output) {
			t.Errorf("no line matches %q in\n%s", l, output)
		}
	}
}

func TestDoctorReportsThatEveryHopThroughNATWorks(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	certFile, keyFile := testcert.New(t, "meet.example.org")
	h.outside.Resolve("203.0.113.1 meet.example.org")
	serve(ctx, t, h.server, "--node-ip", "203.0.113.1", "--tls-cert", certFile, "--tls-key", keyFile)
	out, status := doctor(ctx, t, h.outside, certFile, "--url", "https://meet.example.org:8080")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	wantLines(
		t, out, `ok +name lookup +meet.example.org resolves to 203.0.113.1`, `ok +TCP connect `, `ok +TLS handshake +.* valid for meet.example.org`,
		`ok +HTTP response `, `ok +UDP response +UDP port 8080 `, `ok +signalling `, `ok +direct media over UDP `, `ok +direct media over TCP `,
		`ok +TURN over UDP `, `ok +relayed media over UDP `, `ok +TURN over TCP `, `ok +relayed media over TCP `, `ok +TURN over TLS `, `ok +relayed media over TLS `,
	)
	out, status = doctor(ctx, t, h.outside, certFile, "--url", "https://203.0.113.1:8080")
	wantLines(t, out, `fail +TLS handshake +.* and not for 203.0.113.1 → `)
	if status != 1 || strings.Contains(out, "HTTP response") {
		t.Errorf("status %d after a wrong name\n%s", status, out)
	}
}

func TestDoctorReportsFirewallThatDropsUDP(t *testing.T) {
	ctx, n := newNetwork(t)
	p := newPublic(n)
	p.router.Filter(`table inet firewall { chain passing { type filter hook forward priority 0; meta l4proto udp drop; }; }`)
	serve(ctx, t, p.server)
	out, status := doctor(ctx, t, p.ada, "", "--url", "http://203.0.113.1:8080")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	wantLines(
		t, out, `ok +TCP connect `, `warn +UDP response +UDP port 8080 of 203.0.113.1 does not respond: .*firewall may drop`, `warn +direct media over UDP .*firewall may drop`, `ok +direct media over TCP `,
		`warn +TURN over UDP .*firewall may drop`, `ok +relayed media over TCP `,
	)
	if strings.Contains(out, "relayed media over UDP") {
		t.Errorf("a call through a relay was tried over UDP:\n%s", out)
	}
}

func TestDoctorReportsPortThatTheRouterDoesNotForward(t *testing.T) {
	ctx, n := newNetwork(t)
	h := newHome(n)
	serve(ctx, t, h.server)
	out, status := doctor(ctx, t, h.outside, "", "--url", "http://203.0.113.1:8081")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	wantLines(t, out, `fail +TCP connect +TCP port 8081 of 203.0.113.1 cannot be reached: connection refused → `)
	h.outside.Filter(`table inet firewall { chain leaving { type filter hook output priority 0; tcp dport 8080 drop; }; }`)
	out, _ = doctor(ctx, t, h.outside, "", "--url", "http://203.0.113.1:8080")
	wantLines(t, out, `fail +TCP connect .*a firewall may drop the packets → `)
}
