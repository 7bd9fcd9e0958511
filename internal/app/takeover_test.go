package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// requestToken requests an access token from /token, as pages do.
func (s *server) requestToken(room, name string) string {
	s.T.Helper()
	body, _ := json.Marshal(map[string]string{"roomName": room, "participantName": name}) // cannot fail
	resp, err := s.HTTP.Post(s.URL()+"/token", "application/json", strings.NewReader(string(body)))
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var raw string
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil || resp.StatusCode != http.StatusOK {
		s.T.Fatalf("POST /token: %d %v", resp.StatusCode, err)
	}
	return raw
}

// firstMessage connects to /rtc and returns the first message, or the HTTP status if the connection is refused.
func (s *server) firstMessage(query, raw string) (*livekit.SignalResponse, int) {
	s.T.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/rtc?protocol=17&"+query, http.Header{"Authorization": {"Bearer " + raw}})
	if err != nil {
		if resp == nil {
			s.T.Fatal(err)
		}
		_ = resp.Body.Close()
		return nil, resp.StatusCode
	}
	defer func() { _ = ws.Close() }()
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, frame, err := ws.ReadMessage()
	m := &livekit.SignalResponse{}
	if err == nil {
		err = proto.Unmarshal(frame, m)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	return m, http.StatusSwitchingProtocols
}

// refreshTokens records the refreshed tokens that a client receives.
type refreshTokens struct {
	mu  sync.Mutex
	all []string
}

// record stores the token of a signalling message, if it has one.
func (k *refreshTokens) record(m *livekit.SignalResponse) {
	if raw := m.GetRefreshToken(); raw != "" {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.all = append(k.all, raw)
	}
}

// latest returns the last token received, or "".
func (k *refreshTokens) latest() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) == 0 {
		return ""
	}
	return k.all[len(k.all)-1]
}

// The test follows the steps of an attacker who only has tokens that /token issues to everybody.
func TestGuestTokenCannotTakeOverAnotherParticipantsSession(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	verifier := token.NewVerifier(token.Keys{config.DevKey.Name: config.DevKey.Secret})

	var refreshed refreshTokens
	victim, err := client.Join(ctx, s.SocketURL(), s.requestToken("blue", "victim"), client.Options{HostOnly: true, OnSignal: refreshed.record})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Close() })
	identity, sid := victim.Participant().GetIdentity(), victim.Participant().GetSid()
	if identity != "victim" {
		t.Fatalf("the first to ask got identity %q", identity)
	}
	stolen, err := verifier.Verify(s.requestToken("blue", "victim"))
	if err != nil || stolen.Identity == identity {
		t.Errorf("a token for the victim's identity: %+v, %v", stolen, err)
	}

	// The attack must fail even with a token for the victim's identity.
	forged, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetIdentity(identity).SetGuest().
		SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: "blue"}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"reconnect=1", "reconnect=1&sid=" + sid} {
		if m, status := s.firstMessage(query, forged); m.GetLeave() == nil {
			t.Errorf("%s: %d %v", query, status, m)
		}
	}
	if m, status := s.firstMessage("", forged); status != http.StatusConflict {
		t.Errorf("a join in the victim's name: %d %v", status, m)
	}
	harness.Eventually(ctx, t, "the victim has a token to return with", func() bool { return refreshed.latest() != "" })
	if m, _ := s.firstMessage("reconnect=1", refreshed.latest()); m.GetLeave() == nil {
		t.Errorf("a resume without a sid: %v", m)
	}
	if m, _ := s.firstMessage("reconnect=1&sid="+sid, refreshed.latest()); m.GetReconnect() == nil {
		t.Errorf("the victim's own resume: %v", m)
	}
}

func TestRefreshedTokenKeepsTheGrantsOfEveryParticipantKind(t *testing.T) {
	other := config.Key{Name: "otherkey", Secret: strings.Repeat("s", 32)}
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey, other}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	verifier := token.NewVerifier(token.Keys{config.DevKey.Name: config.DevKey.Secret, other.Name: other.Secret})
	for name, grant := range map[string]*token.AccessToken{
		"an agent without the grant": token.New(other.Name, other.Secret).SetKind("agent"),
		"an agent":                   token.New(config.DevKey.Name, config.DevKey.Secret).SetKind("agent"),
		"a host": token.New(other.Name, other.Secret).SetKind("standard").SetSIPGrant(token.SIPGrant{Call: true}).
			SetRoomConfig(json.RawMessage(`{"metadata":"m"}`)).SetRoomPreset("none"),
		"a guest": token.New(config.DevKey.Name, config.DevKey.Secret).SetGuest(),
	} {
		g := token.VideoGrant{RoomJoin: true, Room: "blue"}
		switch name {
		case "an agent":
			g.Agent = true
		case "a host":
			g.RoomAdmin, g.RoomCreate, g.RoomList, g.RoomRecord, g.IngressAdmin = true, true, true, true, true
			g.CanPublishSources, g.CanPublishData, g.DestinationRoom = []string{"camera", "hologram"}, new(false), "green"
		}
		raw, err := grant.SetIdentity(name).SetVideoGrant(g).ToJWT()
		if err != nil {
			t.Fatal(err)
		}
		var refreshed refreshTokens
		c, err := client.Join(ctx, s.SocketURL(), raw, client.Options{HostOnly: true, OnSignal: refreshed.record})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		harness.Eventually(ctx, t, name+" gets a token to return with", func() bool { return refreshed.latest() != "" })
		was, err := verifier.Verify(raw)
		if err != nil {
			t.Fatal(err)
		}
		is, err := verifier.Verify(refreshed.latest())
		if err != nil {
			t.Fatal(err)
		}
		is.ExpiresAt = was.ExpiresAt // it has the same issue time and a later expiry
		if d := cmp.Diff(was, is); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		_, resp, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/agent", http.Header{"Authorization": {"Bearer " + refreshed.latest()}})
		if err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: /agent answers %v, %v", name, resp, err)
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
