package attack

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/testcert"
)

// secrets collects texts that must not occur in the log, by their descriptions.
type secrets struct {
	mu    sync.Mutex
	known map[string]string
}

// add adds a secret. Short texts would be found by chance.
func (s *secrets) add(description, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(secret) >= 16 {
		s.known[secret] = description
	}
}

// addToken adds a token and its signature.
func (s *secrets) addToken(description, raw string) string {
	s.add(description, raw)
	s.add("signature of "+description, raw[strings.LastIndex(raw, ".")+1:])
	return raw
}

// icePassword matches the ICE password in a session description (RFC 8839, section 5.4).
var icePassword = regexp.MustCompile(`a=ice-pwd:(\S+)`)

// addSignal adds the secrets in a signalling message.
func (s *secrets) addSignal(m *livekit.SignalResponse) {
	for _, sdp := range []string{m.GetOffer().GetSdp(), m.GetAnswer().GetSdp()} {
		for _, found := range icePassword.FindAllStringSubmatch(sdp, -1) {
			s.add("ICE password of the server", found[1])
		}
	}
	if raw := m.GetRefreshToken(); raw != "" {
		s.addToken("refreshed token", raw)
	}
	for _, ice := range m.GetJoin().GetIceServers() {
		s.add("TURN password of a participant", ice.Credential)
	}
}

// check fails the test for each secret in text.
func (s *secrets) check(t *testing.T, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, description := range s.known {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if i := strings.Index(text, form); i >= 0 {
				line := text[strings.LastIndex(text[:i], "\n")+1:]
				line, _, _ = strings.Cut(line, "\n")
				t.Errorf("the %s is in the log: %s", description, line)
				break
			}
		}
	}
}

// writeCertificate writes a certificate for localhost and its key, whose lines become secrets. It returns the two files.
func (s *secrets) writeCertificate(t *testing.T) (certificateFile, keyFile string) {
	t.Helper()
	certificateFile, keyFile = testcert.New(t, "localhost", "127.0.0.1")
	text, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "-----") {
			s.add("TLS key", line)
		}
	}
	return certificateFile, keyFile
}

// joinAndLeave joins a room with a client, exchanges media, and leaves.
func (s *server) joinAndLeave(known *secrets, raw string, o client.Options) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	o.HostOnly, o.OnSignal = true, known.addSignal
	o.SettingEngine = func(e *webrtc.SettingEngine) {
		password := rand.Text()
		known.add("ICE password of a client", password)
		e.SetICECredentials(rand.Text(), password)
	}
	c, err := client.Join(ctx, "ws://"+s.address, raw, o)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	mic, err := c.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		s.t.Fatal(err)
	}
	for range 10 {
		if err := mic.WriteSample(media.Sample{Data: make([]byte, 80), Duration: 20 * time.Millisecond}); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := c.Leave(); err != nil {
		s.t.Error(err)
	}
}

// useTURN opens a direct call and allocates a relay over UDP with its credentials, and then tries wrong ones.
func (s *server) useTURN(known *secrets) {
	s.t.Helper()
	ws := s.openSocket("/direct/ws", nil)
	if err := ws.WriteMessage(1, []byte(`"SessionNew"`)); err != nil {
		s.t.Fatal(err)
	}
	var ready struct{ SessionReady string }
	for ready.SessionReady == "" {
		if err := ws.ReadJSON(&ready); err != nil {
			s.t.Fatal(err)
		}
	}
	_, text := s.get("/direct/ice-servers?session="+ready.SessionReady, nil)
	var servers struct {
		ICEServers []struct{ Username, Credential string }
	}
	if err := json.Unmarshal([]byte(text), &servers); err != nil || len(servers.ICEServers) == 0 {
		s.t.Fatalf("%s: %v", text, err)
	}
	credentials := servers.ICEServers[len(servers.ICEServers)-1]
	known.add("TURN password", credentials.Credential)
	for _, password := range []string{credentials.Credential, "wrong password 0123456789"} {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		known.add("wrong TURN password", "wrong password 0123456789")
		c, err := turn.NewClient(&turn.ClientConfig{STUNServerAddr: s.address, TURNServerAddr: s.address, Conn: conn, Username: credentials.Username, Password: password})
		if err != nil {
			s.t.Fatal(err)
		}
		if err := c.Listen(); err != nil {
			s.t.Fatal(err)
		}
		relay, err := c.Allocate()
		if (err == nil) != (password == credentials.Credential) {
			s.t.Errorf("a relay: %v", err)
		}
		if err == nil {
			_ = relay.Close()
		}
		c.Close()
		_ = conn.Close()
	}
}

// get sends a request with header fields and returns the response.
func (s *server) get(path string, header http.Header) (status int, body string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// sendRaw sends bytes on a connection, if encrypted over TLS, and reads until the server closes it or stays silent.
func (s *server) sendRaw(encrypted bool, text string) {
	s.t.Helper()
	var conn net.Conn
	var err error
	if conn, err = net.Dial("tcp", s.address); encrypted && err == nil {
		conn, err = tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own server
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, text)
	_, _ = io.ReadAll(conn)
}

// sendBadRequests sends requests that the server refuses, with a token wherever it may be.
func (s *server) sendBadRequests(raw string) {
	s.t.Helper()
	origin := http.Header{"Origin": {"https://elsewhere.example.org"}}
	bearer := http.Header{"Authorization": {"Bearer " + raw}, "X-Forwarded-For": {raw}, "Referer": {"https://x/?access_token=" + raw}}
	for _, path := range []string{"/rtc", "/rtc/v1", "/rtc/validate", "/rtc/nothing", "/agent", "/twirp/livekit.RoomService/ListRooms", "/metrics", "/custom", "/nothing/" + raw, "/rooms/" + raw, "/meet", "/api/connection-details"} {
		s.get(path+"?access_token="+url.QueryEscape(raw)+"&join_request="+raw, nil)
		s.get(path+"?token="+raw, origin)
		s.get(path, bearer)
		s.get(path+"?access_token="+raw, http.Header{"Sec-Websocket-Key": {"x"}})
		s.get(path+"?access_token="+raw, http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"1"}})
	}
	s.post("/twirp/livekit.RoomService/ListRooms", "application/json", raw, []byte(`{"names":["`+raw+`"`))
	s.post("/token", "application/json", raw, []byte(`{"roomName":"`+raw))
	for _, encrypted := range []bool{false, true} {
		s.sendRaw(encrypted, "GET /rtc?access_token="+raw+"%zz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		s.sendRaw(encrypted, "GET http://[::1/rtc?access_token="+raw+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		s.sendRaw(encrypted, "GET /rtc?access_token="+raw+" HTTP/9.9\r\nHost: localhost\r\n\r\n")
		s.sendRaw(encrypted, "GET /rtc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+raw+"\x00\r\n\r\n")
		s.sendRaw(encrypted, "GET /rtc?access_token="+raw+" HTTP/1.1\r\nHost: "+raw+"/\r\nTransfer-Encoding: "+raw+"\r\n\r\n")
		s.sendRaw(encrypted, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+raw)
		s.sendRaw(encrypted, raw)
	}
	s.sendRaw(false, "\x16\x03\x01\x00\xff"+raw) // not a TLS handshake
	s.sendRaw(false, "PROXY TCP4 "+raw+"\r\n\r\n")
}

func TestLogContainsNoSecrets(t *testing.T) {
	known := &secrets{known: map[string]string{}}
	random := func(description string) string { text := rand.Text(); known.add(description, text); return text }
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known.addToken("signature of a webhook", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(hooks.Close)
	certificate, key := known.writeCertificate(t)
	secret, metrics := random("API secret"), random("metrics token")
	closed := strings.Replace(freePort(t), "127.0.0.1", "hook:"+random("webhook password")+"@127.0.0.1", 1)
	s := start(t, "--log-level", "debug", "--keys", "back-end: "+secret, "--tls-cert", certificate, "--tls-key", key, "--metrics-token", metrics,
		"--webhook-url", hooks.URL+"/"+random("path of a webhook URL")+"?key="+random("query of a webhook URL"), "--webhook-url", "http://"+closed+"/"+random("path of a failing webhook URL"),
		"--frontend-repository", "nobody/nothing", "--frontend-api-url", "http://"+freePort(t)+"/"+random("path of the front end's API"), "--frontend-token", random("front-end token"), "--frontend-update", "start",
		"--allowed-origins", "https://friend.example.org")
	sign := func(description, secret string, ttl time.Duration, g token.VideoGrant) string {
		raw, err := token.New("back-end", secret).SetIdentity("ada").SetTTL(ttl).SetVideoGrant(g).ToJWT()
		if err != nil {
			t.Fatal(err)
		}
		return known.addToken(description, raw)
	}
	grant := token.VideoGrant{RoomJoin: true, Room: "blue", RoomAdmin: true, RoomCreate: true, RoomList: true}
	good := sign("token of a back end", secret, time.Hour, grant)
	s.joinAndLeave(known, good, client.Options{})
	s.joinAndLeave(known, known.addToken("guest's token", s.guestToken("blue", "Bo")), client.Options{SinglePC: true, JSON: true})
	s.useTURN(known)
	for _, raw := range []string{good, sign("expired token", secret, -time.Hour, grant), sign("forged token", rand.Text(), time.Hour, grant), sign("token without grants", secret, time.Hour, token.VideoGrant{})} {
		s.sendBadRequests(raw)
	}
	s.get("/metrics", http.Header{"Authorization": {"Bearer " + metrics}})
	s.get("/metrics?token="+metrics, http.Header{"Authorization": {"Basic " + metrics}})
	s.eventually("webhooks have failed", func() bool {
		text, _ := os.ReadFile(s.output)
		return bytes.Count(text, []byte("webhook receiver did not accept")) >= 2
	})
	text, err := os.ReadFile(s.output)
	if err != nil {
		t.Fatal(err)
	}
	known.check(t, string(text))
	for _, wanted := range []string{"level=DEBUG", "message from pion", "front end was not updated", "participant left"} { // otherwise the test has searched too little
		if !strings.Contains(string(text), wanted) {
			t.Errorf("the log does not contain %q", wanted)
		}
	}
	t.Logf("%d lines, %d secrets", strings.Count(string(text), "\n"), len(known.known))
}

// freePort returns a loopback address on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing was accepted
	return l.Addr().String()
}

func TestErrorsAboutSettingsContainNoSecrets(t *testing.T) {
	known := &secrets{known: map[string]string{}}
	secret := rand.Text()
	known.add("secret", secret)
	for _, flags := range [][]string{
		{"--keys", "key=" + secret},
		{"--keys", "key: [" + secret},
		{"--keys", secret},
		{"--webhook-url", "http://user:" + secret + "@[::1/hook"},
		{"--webhook-url", "ftp://example.org/?key=" + secret},
		{"--livekit-url", "wss://example.org:x/?access_token=" + secret},
		{"--webhook-url", "http://example.org/%zz" + secret},
		{"--frontend-url", "http://user:" + secret + "@x\x7f/"},
		{"--frontend-api-url", "ftp://" + secret + "@example.org"},
		{"--metrics-token", secret + "\n"},
		{"--frontend-token", secret + "\x00 ", "--listen", "x"},
		{"--acme-url", "http://user:" + secret + "@[x"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(ctx, binary, append([]string{"--listen", "127.0.0.1:0", "--data-dir", filepath.Join(t.TempDir(), "data")}, flags...)...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil {
			t.Errorf("%q is accepted", flags)
		}
		if strings.Contains(string(out), secret) {
			t.Errorf("%q: %s", fmt.Sprint(flags), out)
		}
	}
}
