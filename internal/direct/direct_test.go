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

func newHub(t *testing.T) (*Hub, string) {
	t.Helper()
	h := New(Options{Debug: true, NewRoom: func() string { return "abc-defg-hij" }})
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		web.Close()
		if s := h.Stats(); s != (Stats{}) {
			t.Errorf("%+v stayed behind", s)
		}
	})
	return h, "ws" + strings.TrimPrefix(web.URL, "http")
}

// rust is a client of the Rust signalling server: it sends and reads text only, as serde writes it.
type rust struct {
	t    *testing.T
	ws   *websocket.Conn
	user string
}

func connect(t *testing.T, url string) *rust {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	r := &rust{t: t, ws: ws}
	if r.user = r.text("NewUser"); len(r.user) != idLength {
		t.Errorf("user id %q", r.user)
	}
	return r
}

func (r *rust) say(text string) {
	r.t.Helper()
	if err := r.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// hear returns the next message word for word.
func (r *rust) hear() string {
	r.t.Helper()
	_, raw, err := r.ws.ReadMessage()
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

func (r *rust) expect(want string) {
	r.t.Helper()
	if got := r.hear(); got != want {
		r.t.Fatalf("heard %s, want %s", got, want)
	}
}

// text is what a message of that name and one text carries.
func (r *rust) text(name string) string {
	r.t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(r.hear()), &m); err != nil || len(m) != 1 || m[name] == "" {
		r.t.Fatalf("heard %v, want %s", m, name)
	}
	return m[name]
}

// refused waits for an ICEError with that in it.
func (r *rust) refused(says string) {
	r.t.Helper()
	var m map[string][]string
	if err := json.Unmarshal([]byte(r.hear()), &m); err != nil || len(m["ICEError"]) != 2 || !strings.Contains(m["ICEError"][0], says) {
		r.t.Fatalf("heard %v, want an error with %q", m, says)
	}
}

// gone waits until the server has closed the connection.
func (r *rust) gone() {
	r.t.Helper()
	for {
		if _, _, err := r.ws.ReadMessage(); err != nil {
			return
		}
	}
}

// TestTwoClientsExchangeOffersAndCandidates is the exchange of the Rust server's clients from beginning to end.
func TestTwoClientsExchangeOffersAndCandidates(t *testing.T) {
	_, url := newHub(t)
	a, b := connect(t, url), connect(t, url)
	a.say(`"SessionNew"`)
	id := a.text("SessionReady")
	b.say(`{"SessionJoin":"` + id + `"}`)
	a.expect(`{"SessionJoinSuccess":"` + id + `"}`)
	b.expect(`{"SessionJoinSuccess":"` + id + `"}`)
	for _, m := range []string{`{"VideoOffer":["v=0\r\no=- 1 ä","` + id + `"]}`, `{"IceCandidate":["candidate:1","` + id + `"]}`} {
		b.say(m)
		a.expect(m)
	}
	answer := `{"VideoAnswer":["v=0","` + id + `"]}`
	a.say(answer)
	b.expect(answer)
	a.say(`"Debug"`) // is for the log

	// Who leaves makes room for another.
	_ = b.ws.Close()
	a.refused("has left")
	c := connect(t, url)
	c.say(`{"SessionJoin":" ` + id + `\n"}`)
	c.expect(`{"SessionJoinSuccess":"` + id + `"}`)
	a.expect(`{"SessionJoinSuccess":"` + id + `"}`)
}

// TestStrangersCannotEnterOrReachASession: nobody enters a session that is full or is none, nor reaches into one that
// is not its own.
func TestStrangersCannotEnterOrReachASession(t *testing.T) {
	h, url := newHub(t)
	a, b, eve := connect(t, url), connect(t, url), connect(t, url)
	a.say(`"SessionNew"`)
	id := a.text("SessionReady")
	a.say(`{"VideoOffer":["v=0","` + id + `"]}`)
	a.refused("nobody else")
	a.say(`{"SessionJoin":"` + id + `"}`) // its own
	a.expect(`{"SessionJoinError":"` + id + `"}`)
	b.say(`{"SessionJoin":"` + id + `"}`)
	b.text("SessionJoinSuccess")
	a.text("SessionJoinSuccess")
	eve.say(`{"SessionJoin":"` + id + `"}`)
	eve.expect(`{"SessionJoinError":"` + id + `"}`)
	eve.say(`{"SessionJoin":"guess"}`)
	eve.expect(`{"SessionJoinError":"guess"}`)
	eve.say(`{"VideoOffer":["v=0","` + id + `"]}`)
	eve.refused("not in that session")
	eve.say(`"SessionNew"`)
	own := eve.text("SessionReady")
	eve.say(`{"IceCandidate":["x","` + id + `"]}`)
	eve.refused("not in that session")
	eve.say(`"SessionNew"`) // gives up the one before
	if next := eve.text("SessionReady"); next == own {
		t.Error("the same id twice")
	}
	if s := h.Stats(); s.Sessions != 2 || s.Peers != 3 {
		t.Errorf("%+v", s)
	}
	a.say(`{"VideoOffer":["still","` + id + `"]}`) // the others were not disturbed
	b.expect(`{"VideoOffer":["still","` + id + `"]}`)
}

// TestThirdClientWaitsForTheAnswerOfTheTwo: a third who comes waits until the two answer; all of them move, or it is
// refused, or gets a place that became free.
func TestThirdClientWaitsForTheAnswerOfTheTwo(t *testing.T) {
	_, url := newHub(t)
	two := func(query string) (a, b *rust, id string) {
		a, b = connect(t, url+query), connect(t, url+query)
		a.say(`"SessionNew"`)
		id = a.text("SessionReady")
		b.say(`{"SessionJoin":"` + id + `"}`)
		a.text("SessionJoinSuccess")
		b.text("SessionJoinSuccess")
		return a, b, id
	}
	knock := func(a, b *rust, id string) (c *rust) {
		c = connect(t, url+"?moves=1")
		c.say(`{"SessionJoin":"` + id + `"}`)
		for _, r := range []*rust{c, a, b} {
			r.expect(`{"SessionKnock":"` + id + `"}`)
		}
		return c
	}
	a, b, id := two("?moves=1")
	c := knock(a, b, id)
	c.say(`{"SessionAdmit":"` + id + `"}`)
	c.refused("not in that session")
	a.say(`{"SessionRefuse":"` + id + `"}`)
	c.expect(`{"SessionJoinError":"` + id + `"}`)

	c = knock(a, b, id)
	d := knock(a, b, id)
	_ = d.ws.Close() // who gives up is forgotten
	b.say(`{"SessionAdmit":"` + id + `"}`)
	for _, r := range []*rust{a, b, c} {
		r.expect(`{"SessionMove":["abc-defg-hij","` + id + `"]}`)
	}

	c = knock(a, b, id)
	_ = b.ws.Close()
	a.refused("has left")
	a.expect(`{"SessionJoinSuccess":"` + id + `"}`)
	c.expect(`{"SessionJoinSuccess":"` + id + `"}`)

	// Clients of the Rust server know none of these messages, so nobody waits for their answer.
	_, _, id = two("")
	c = connect(t, url+"?moves=1")
	c.say(`{"SessionJoin":"` + id + `"}`)
	c.expect(`{"SessionJoinError":"` + id + `"}`)
}

// TestResumedClientKeepsItsPlace: who connects again has its place, whether or not the connection before is known to be
// broken, and the other is told nothing. Nobody takes the place of somebody whose id it does not know.
func TestResumedClientKeepsItsPlace(t *testing.T) {
	_, url := newHub(t)
	again := func(user string) *rust {
		t.Helper()
		r := connect(t, url+"?moves=1")
		r.say(`{"UserResume":"` + user + `"}`)
		return r
	}
	a := connect(t, url)
	a.say(`"SessionNew"`)
	id := a.text("SessionReady")
	a2 := again(a.user)
	a2.say(`{"SessionJoin":"` + id + `"}`)
	a2.expect(`{"SessionReady":"` + id + `"}`)
	a.gone()

	b := connect(t, url)
	b.say(`{"SessionJoin":"` + id + `"}`)
	b.text("SessionJoinSuccess")
	a2.text("SessionJoinSuccess")
	eve := again("guess")
	eve.say(`{"SessionJoin":"` + id + `"}`)
	eve.expect(`{"SessionKnock":"` + id + `"}`)
	a2.expect(`{"SessionKnock":"` + id + `"}`)
	b2 := again(b.user)
	b2.say(`{"SessionJoin":"` + id + `"}`)
	b2.expect(`{"SessionJoinSuccess":"` + id + `"}`)
	b2.say(`{"VideoOffer":["v=0","` + id + `"]}`)
	a2.expect(`{"VideoOffer":["v=0","` + id + `"]}`)
}

// TestICEServersAreGivenForOpenSessionsOnly: who knows the id of an open session learns where STUN and TURN are, by the
// way it came itself.
func TestICEServersAreGivenForOpenSessionsOnly(t *testing.T) {
	h, url := newHub(t)
	h.opts.Port = 4321
	h.opts.TURNCredentials = func(session string) (string, string) { return "user " + session, "password" }
	a := connect(t, url)
	a.say(`"SessionNew"`)
	id := a.text("SessionReady")
	get := func(host, session string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "/direct/ice-servers?session="+session, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeICEServers(w, r)
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for host, at := range map[string]string{
		"meet.example": "meet.example:4321", "127.0.0.1:80": "127.0.0.1:4321", "[::1]": "[::1]:4321", "[fd00::1]:8080": "[fd00::1]:4321",
	} {
		code, body := get(host, id)
		want := `{"iceServers":[{"urls":["stun:` + at + `"]},{"urls":["turn:` + at + `?transport=udp","turn:` + at +
			`?transport=tcp"],"username":"user ` + id + `","credential":"password"}]}`
		if code != http.StatusOK || body != want {
			t.Errorf("by way of %s: %d %s, want %s", host, code, body, want)
		}
	}
	if _, body := get("127.0.0.1:8080", id+"&host=meet.example:8443"); !strings.Contains(body, `"stun:meet.example:4321"`) {
		t.Errorf("a page of meet.example behind a proxy that hides it: %s", body)
	}
	if code, body := get("meet.example", "guess"); code != http.StatusNotFound || strings.Contains(body, "password") {
		t.Errorf("a stranger got %d %s", code, body)
	}
	h.opts.Host = "192.0.2.7"
	if _, body := get("meet.example", id); !strings.Contains(body, "stun:192.0.2.7:4321") {
		t.Errorf("told to be elsewhere: %s", body)
	}
}

// TestInvalidMessageIsRefused: what is no message gets a sentence, what is too much ends the connection, and nobody
// else notices.
func TestInvalidMessageIsRefused(t *testing.T) {
	_, url := newHub(t)
	for _, text := range []string{`hello`, `"Hello"`, `{"SessionJoin":7}`, `{"SessionJoin":["a","b"]}`, `{"VideoOffer":"x"}`, `{"VideoOffer":["x"]}`, `{}`, `{"SessionJoin":"a","Debug":"b"}`, `[]`, `null`} {
		r := connect(t, url)
		r.say(text)
		r.refused("none of the messages")
	}
	r := connect(t, url)
	r.say(`{"SessionReady":"x"}`)
	r.refused("only the server")

	large := connect(t, url)
	large.say(`{"SessionJoin":"` + strings.Repeat("x", messageLimit) + `"}`)
	large.gone()
	flood := connect(t, url)
	for range burst + 100 {
		if flood.ws.WriteMessage(websocket.TextMessage, []byte(`"Debug"`)) != nil {
			break
		}
	}
	flood.gone()

	if _, resp, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {"https://elsewhere.example"}}); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site: %v", err)
	}
	r.say(`"SessionNew"`)
	r.text("SessionReady")
}

// TestDocumentNamesEveryMessage: docs/direct.md tells of every message.
func TestDocumentNamesEveryMessage(t *testing.T) {
	page, err := os.ReadFile("../../docs/direct.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range texts {
		if !regexp.MustCompile("`" + name + "[(`]").Match(page) {
			t.Errorf("docs/direct.md says nothing of %s", name)
		}
	}
}

// What waits for a peer that does not read is bounded in bytes.
func TestQueuesAreBoundedInBytes(t *testing.T) {
	h, _ := newHub(t)
	offer := strings.Repeat("x", messageLimit)
	p := &person{queue: h.newQueue(), ended: make(chan struct{})}
	for range queueLimit {
		p.send(videoOffer, offer, "id")
	}
	select {
	case <-p.ended:
	default:
		t.Error("a peer that does not read stays connected")
	}
	if n := p.queue.Bytes(); n > queueBytes || n < queueBytes/2 {
		t.Errorf("%d bytes wait for one", n)
	}
	p.queue.Drop()
}

// What waits for all peers is bounded too, at the expense of those for whom most waits.
func TestLongestQueuesEndFirstAtTheTotalLimit(t *testing.T) {
	h, _ := newHub(t)
	offer := strings.Repeat("x", messageLimit)
	honest := &person{queue: h.newQueue(), ended: make(chan struct{})}
	h.people["honest"] = honest
	var slow []*person
	for i := range 2 * allQueues / queueBytes {
		p := &person{queue: h.newQueue(), ended: make(chan struct{})}
		h.people[fmt.Sprint("slow", i)] = p
		slow = append(slow, p)
		for range queueBytes/len(offer) - 1 {
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
	if n := h.waiting.Bytes(); n > allQueues || n < allQueues/2 {
		t.Errorf("%d bytes wait for all", n)
	}
	for _, p := range slow {
		p.queue.Drop()
	}
	if n := h.waiting.Bytes(); n != 0 {
		t.Errorf("%d bytes count in the end", n)
	}
	clear(h.people)
}

// Bytes that are not UTF-8 would become three each.
func TestInvalidUTF8IsRefused(t *testing.T) {
	_, url := newHub(t)
	ada := connect(t, url)
	ada.say("{\"SessionJoin\":\"\xff\xfe\"}")
	ada.refused("none of the messages")
}

func FuzzMessage(f *testing.F) {
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
