package direct

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newHub starts a Hub and returns it with its WebSocket URL.
func newHub(t *testing.T) (*Hub, string) {
	t.Helper()
	h := New(Options{Debug: true, NewRoom: func() string { return "abc-defg-hij" }})
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		web.Close()
		if s := h.Stats(); s != (Stats{}) {
			t.Errorf("left behind: %+v", s)
		}
	})
	return h, "ws" + strings.TrimPrefix(web.URL, "http")
}

// rustClient imitates a client of an earlier server, which was written in Rust. It compares received messages as text
// with those of that server, in the format of Rust's serde library.
type rustClient struct {
	t    *testing.T
	ws   *websocket.Conn
	user string // its ID
}

// connect connects a client and receives its ID.
func connect(t *testing.T, url string) *rustClient {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	r := &rustClient{t: t, ws: ws}
	if r.user = r.receiveText("NewUser"); len(r.user) != idLength {
		t.Errorf("user id %q", r.user)
	}
	return r
}

// send sends one message.
func (r *rustClient) send(text string) {
	r.t.Helper()
	if err := r.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// receive returns the next message as text.
func (r *rustClient) receive() string {
	r.t.Helper()
	_, raw, err := r.ws.ReadMessage()
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// wantMessage fails the test unless the next message is want.
func (r *rustClient) wantMessage(want string) {
	r.t.Helper()
	if got := r.receive(); got != want {
		r.t.Fatalf("received %s, want %s", got, want)
	}
}

// receiveText receives the next message, which must have the given name and carry one string. It returns the string.
func (r *rustClient) receiveText(name string) string {
	r.t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(r.receive()), &m); err != nil || len(m) != 1 || m[name] == "" {
		r.t.Fatalf("received %v, want %s", m, name)
	}
	return m[name]
}

// wantError fails the test unless the next message is an ICEError whose sentence contains part.
func (r *rustClient) wantError(part string) {
	r.t.Helper()
	var m map[string][]string
	if err := json.Unmarshal([]byte(r.receive()), &m); err != nil || len(m["ICEError"]) != 2 || !strings.Contains(m["ICEError"][0], part) {
		r.t.Fatalf("received %v, want an error with %q", m, part)
	}
}

// wantClosed waits until the server closes the connection.
func (r *rustClient) wantClosed() {
	r.t.Helper()
	for {
		if _, _, err := r.ws.ReadMessage(); err != nil {
			return
		}
	}
}

func TestTwoClientsExchangeOffersAndCandidates(t *testing.T) {
	_, url := newHub(t)
	a, b := connect(t, url), connect(t, url)
	a.send(`"SessionNew"`)
	id := a.receiveText("SessionReady")
	b.send(`{"SessionJoin":"` + id + `"}`)
	a.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)
	b.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)
	for _, m := range []string{`{"VideoOffer":["v=0\r\no=- 1 ä","` + id + `"]}`, `{"IceCandidate":["candidate:1","` + id + `"]}`} {
		b.send(m)
		a.wantMessage(m)
	}
	answer := `{"VideoAnswer":["v=0","` + id + `"]}`
	a.send(answer)
	b.wantMessage(answer)
	a.send(`"Debug"`) // only logs

	// When a peer leaves, another one can join.
	_ = b.ws.Close()
	a.wantError("has left")
	c := connect(t, url)
	c.send(`{"SessionJoin":" ` + id + `\n"}`)
	c.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)
	a.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)
}

// A peer gets an error if it joins its own session, a full session or one that does not exist, or if it sends a message
// into a session of which it is not a member.
func TestPeerCannotJoinAFullSessionOrSendToAForeignOne(t *testing.T) {
	h, url := newHub(t)
	a, b, eve := connect(t, url), connect(t, url), connect(t, url)
	a.send(`"SessionNew"`)
	id := a.receiveText("SessionReady")
	a.send(`{"VideoOffer":["v=0","` + id + `"]}`)
	a.wantError("nobody else")
	a.send(`{"SessionJoin":"` + id + `"}`) // its own
	a.wantMessage(`{"SessionJoinError":"` + id + `"}`)
	b.send(`{"SessionJoin":"` + id + `"}`)
	b.receiveText("SessionJoinSuccess")
	a.receiveText("SessionJoinSuccess")
	eve.send(`{"SessionJoin":"` + id + `"}`)
	eve.wantMessage(`{"SessionJoinError":"` + id + `"}`)
	eve.send(`{"SessionJoin":"guess"}`)
	eve.wantMessage(`{"SessionJoinError":"guess"}`)
	eve.send(`{"VideoOffer":["v=0","` + id + `"]}`)
	eve.wantError("not in that session")
	eve.send(`"SessionNew"`)
	own := eve.receiveText("SessionReady")
	eve.send(`{"IceCandidate":["x","` + id + `"]}`)
	eve.wantError("not in that session")
	eve.send(`"SessionNew"`) // leaves the previous session
	if next := eve.receiveText("SessionReady"); next == own {
		t.Error("two sessions have the same ID")
	}
	if s := h.Stats(); s.Sessions != 2 || s.Peers != 3 {
		t.Errorf("%+v", s)
	}
	a.send(`{"VideoOffer":["still","` + id + `"]}`) // the other session is not affected
	b.wantMessage(`{"VideoOffer":["still","` + id + `"]}`)
}

// A waiting third peer joins the session if one of the two leaves.
func TestThirdClientWaitsUntilAdmittedOrDenied(t *testing.T) {
	_, url := newHub(t)
	two := func(query string) (a, b *rustClient, id string) {
		a, b = connect(t, url+query), connect(t, url+query)
		a.send(`"SessionNew"`)
		id = a.receiveText("SessionReady")
		b.send(`{"SessionJoin":"` + id + `"}`)
		a.receiveText("SessionJoinSuccess")
		b.receiveText("SessionJoinSuccess")
		return a, b, id
	}
	knock := func(a, b *rustClient, id string) (c *rustClient) {
		c = connect(t, url+"?moves=1")
		c.send(`{"SessionJoin":"` + id + `"}`)
		for _, r := range []*rustClient{c, a, b} {
			r.wantMessage(`{"SessionKnock":"` + id + `"}`)
		}
		return c
	}
	a, b, id := two("?moves=1")
	c := knock(a, b, id)
	c.send(`{"SessionAdmit":"` + id + `"}`)
	c.wantError("not in that session")
	a.send(`{"SessionRefuse":"` + id + `"}`)
	c.wantMessage(`{"SessionJoinError":"` + id + `"}`)

	c = knock(a, b, id)
	d := knock(a, b, id)
	_ = d.ws.Close() // a waiting peer may disconnect
	b.send(`{"SessionAdmit":"` + id + `"}`)
	for _, r := range []*rustClient{a, b, c} {
		r.wantMessage(`{"SessionMove":["abc-defg-hij","` + id + `"]}`)
	}

	c = knock(a, b, id)
	_ = b.ws.Close()
	a.wantError("has left")
	a.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)
	c.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)

	// Clients of the Rust server do not understand the messages about admission, so the third peer does not wait.
	_, _, id = two("")
	c = connect(t, url+"?moves=1")
	c.send(`{"SessionJoin":"` + id + `"}`)
	c.wantMessage(`{"SessionJoinError":"` + id + `"}`)
}

// The other peer of the session is not notified of the reconnection. A peer that does not know the ID of an earlier
// connection cannot take over its session.
func TestReconnectedClientResumesItsSession(t *testing.T) {
	_, url := newHub(t)
	again := func(user string) *rustClient {
		t.Helper()
		r := connect(t, url+"?moves=1")
		r.send(`{"UserResume":"` + user + `"}`)
		return r
	}
	a := connect(t, url)
	a.send(`"SessionNew"`)
	id := a.receiveText("SessionReady")
	a2 := again(a.user)
	a2.send(`{"SessionJoin":"` + id + `"}`)
	a2.wantMessage(`{"SessionReady":"` + id + `"}`)
	a.wantClosed()

	b := connect(t, url)
	b.send(`{"SessionJoin":"` + id + `"}`)
	b.receiveText("SessionJoinSuccess")
	a2.receiveText("SessionJoinSuccess")
	eve := again("guess")
	eve.send(`{"SessionJoin":"` + id + `"}`)
	eve.wantMessage(`{"SessionKnock":"` + id + `"}`)
	a2.wantMessage(`{"SessionKnock":"` + id + `"}`)
	b2 := again(b.user)
	b2.send(`{"SessionJoin":"` + id + `"}`)
	b2.wantMessage(`{"SessionJoinSuccess":"` + id + `"}`)
	b2.send(`{"VideoOffer":["v=0","` + id + `"]}`)
	a2.wantMessage(`{"VideoOffer":["v=0","` + id + `"]}`)
}

// The addresses use the host name of the browser's request unless Options.Host is set.
func TestICEServersAreServedForOpenSessionsOnly(t *testing.T) {
	h, url := newHub(t)
	h.opts.Port = 4321
	h.opts.TURN = func(host string, _ int, session string) ([]string, string, string) {
		return []string{"turn:" + host}, "user " + session, "password"
	}
	a := connect(t, url)
	a.send(`"SessionNew"`)
	id := a.receiveText("SessionReady")
	get := func(host, session string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "/direct/ice-servers?session="+session, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeICEServers(w, r)
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for host, at := range map[string][2]string{
		"meet.example": {"meet.example:4321", "meet.example"}, "127.0.0.1:80": {"127.0.0.1:4321", "127.0.0.1"},
		"[::1]": {"[::1]:4321", "::1"}, "[fd00::1]:8080": {"[fd00::1]:4321", "fd00::1"},
	} {
		code, body := get(host, id)
		want := `{"iceServers":[{"urls":["stun:` + at[0] + `"]},{"urls":["turn:` + at[1] + `"],"username":"user ` + id + `","credential":"password"}]}`
		if code != http.StatusOK || body != want {
			t.Errorf("for the host %s: %d %s, want %s", host, code, body, want)
		}
	}
	if _, body := get("127.0.0.1:8080", id+"&host=meet.example:8443"); !strings.Contains(body, `"stun:meet.example:4321"`) {
		t.Errorf("a page of meet.example behind a proxy that hides it: %s", body)
	}
	if code, body := get("meet.example", "guess"); code != http.StatusNotFound || strings.Contains(body, "password") {
		t.Errorf("a stranger got %d %s", code, body)
	}
	h.opts.Host = "192.0.2.7"
	if _, body := get("meet.example", id); !strings.Contains(body, "stun:192.0.2.7:4321") || !strings.Contains(body, "turn:meet.example") {
		t.Errorf("with Options.Host: %s", body)
	}
}

// Malformed messages are answered with an error. Exceeding a limit ends the connection. Other peers are not affected.
func TestInvalidMessageIsRefused(t *testing.T) {
	_, url := newHub(t)
	for _, text := range []string{`hello`, `"Hello"`, `{"SessionJoin":7}`, `{"SessionJoin":["a","b"]}`, `{"VideoOffer":"x"}`, `{"VideoOffer":["x"]}`, `{}`, `{"SessionJoin":"a","Debug":"b"}`, `[]`, `null`} {
		r := connect(t, url)
		r.send(text)
		r.wantError("unknown or malformed")
	}
	r := connect(t, url)
	r.send(`{"SessionReady":"x"}`)
	r.wantError("only the server")

	large := connect(t, url)
	large.send(`{"SessionJoin":"` + strings.Repeat("x", maxMessage) + `"}`)
	large.wantClosed()
	flood := connect(t, url)
	for range messageBurst + 100 {
		if flood.ws.WriteMessage(websocket.TextMessage, []byte(`"Debug"`)) != nil {
			break
		}
	}
	flood.wantClosed()

	if _, resp, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {"https://elsewhere.example"}}); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site: %v", err)
	}
	r.send(`"SessionNew"`)
	r.receiveText("SessionReady")
}

func TestDocsDescribeEveryMessage(t *testing.T) {
	page, err := os.ReadFile("../../docs/direct.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range textCount {
		if !regexp.MustCompile("`" + name + "[(`]").Match(page) {
			t.Errorf("docs/direct.md does not describe %s", name)
		}
	}
}

func TestPeerWhoseQueueExceedsTheByteLimitIsDisconnected(t *testing.T) {
	h, _ := newHub(t)
	offer := strings.Repeat("x", maxMessage)
	p := &peer{queue: h.newQueue(), ended: make(chan struct{})}
	for range maxQueuedMessages {
		p.send(videoOffer, offer, "id")
	}
	select {
	case <-p.ended:
	default:
		t.Error("a peer that does not read stays connected")
	}
	if n := p.queue.Bytes(); n > maxQueuedBytes || n < maxQueuedBytes/2 {
		t.Errorf("%d bytes are queued for one peer", n)
	}
	p.queue.Drop()
}

func TestPeersWithLongestQueuesAreDisconnectedAtTheTotalQueueLimit(t *testing.T) {
	h, _ := newHub(t)
	offer := strings.Repeat("x", maxMessage)
	honest := &peer{queue: h.newQueue(), ended: make(chan struct{})}
	h.peers["honest"] = honest
	var slow []*peer
	for i := range 2 * totalQueueBytes / maxQueuedBytes {
		p := &peer{queue: h.newQueue(), ended: make(chan struct{})}
		h.peers[fmt.Sprint("slow", i)] = p
		slow = append(slow, p)
		for range maxQueuedBytes/len(offer) - 1 {
			p.send(videoOffer, offer, "id")
		}
		h.handle(honest, Message{Name: debug})
		honest.send(iceCandidate, strings.Repeat("c", 200), "id")
		if i := <-honest.queue.Items(); len(i.Value.Texts) == 2 {
			honest.queue.Done(i)
		}
	}
	select {
	case <-honest.ended:
		t.Error("a peer that reads was disconnected")
	default:
	}
	if n := h.queuedBytes.Bytes(); n > totalQueueBytes || n < totalQueueBytes/2 {
		t.Errorf("%d bytes are queued for all peers", n)
	}
	for _, p := range slow {
		p.queue.Drop()
	}
	if n := h.queuedBytes.Bytes(); n != 0 {
		t.Errorf("%d bytes still count after all queues are dropped", n)
	}
	clear(h.peers)
}

// The JSON decoder would replace each invalid byte by three bytes.
func TestMessageWithInvalidUTF8IsRefused(t *testing.T) {
	_, url := newHub(t)
	ada := connect(t, url)
	ada.send("{\"SessionJoin\":\"\xff\xfe\"}")
	ada.wantError("unknown or malformed")
}

func FuzzMessageSurvivesEncodingAndReading(f *testing.F) {
	for _, text := range []string{`"SessionNew"`, `{"SessionJoin":"id"}`, `{"VideoOffer":["sdp","id"]}`, `{"VideoOffer":[]}`, `7`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := readMessage(raw)
		if err != nil {
			return
		}
		var b bytes.Buffer
		m.encode(&b)
		again := b.Bytes()
		if len(again) > 2*len(raw)+16 { // a line separator, of three bytes, is written in six
			t.Errorf("%d bytes became %d", len(raw), len(again))
		}
		if back, err := readMessage(again); err != nil || back.Name != m.Name || !slices.Equal(back.Texts, m.Texts) {
			t.Errorf("%s came back as %s: %v", raw, again, err)
		}
	})
}
