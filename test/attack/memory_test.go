package attack

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

const (
	megabyte  = 1 << 20
	maxGrowth = 20 * megabyte
)

// inParallel runs f n times in parallel and waits for all calls.
func inParallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) }) // ends with f
	}
	all.Wait()
}

// Bodies of 4 MiB decode to two million objects. Most are sent without a token.
func TestLargeCreateRoomBodiesTakeBoundedMemory(t *testing.T) {
	s := start(t)
	binary := bytes.Repeat([]byte{0x72, 0x00}, 2_097_142)
	text := []byte(`{"agents":[` + strings.Repeat("{},", 1_000_000) + `{}]}`)
	s.checkMemoryGrowth(maxGrowth, func() {
		inParallel(4, func(int) {
			for range 3 {
				for form, body := range map[string][]byte{"application/protobuf": binary, "application/json": text} {
					if status := s.post("/twirp/livekit.RoomService/CreateRoom", form, "", body); status != http.StatusUnauthorized && status != 0 {
						t.Errorf("%s without a token: %d", form, status)
					}
				}
			}
		})
	})
	// With a token the bodies are read, but the memory they use is bounded, too.
	s.checkMemoryGrowth(2*maxGrowth, func() {
		for range 4 {
			for form, body := range map[string][]byte{"application/protobuf": binary, "application/json": text} {
				if status := s.post("/twirp/livekit.RoomService/CreateRoom", form, s.operatorToken(), body); status != http.StatusBadRequest {
					t.Errorf("%s with an operator's token: %d", form, status)
				}
			}
		}
	})
}

// emptyFrame returns a signalling message of a megabyte that consists of empty sub-messages.
func emptyFrame(t *testing.T) []byte {
	t.Helper()
	u := &livekit.UpdateSubscription{}
	for range 500_000 {
		u.ParticipantTracks = append(u.ParticipantTracks, &livekit.ParticipantTracks{})
	}
	frame, err := proto.Marshal(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: u}})
	if err != nil || len(frame) > megabyte {
		t.Fatalf("%d bytes, %v", len(frame), err)
	}
	return frame
}

func TestSignallingFramesTakeBoundedMemory(t *testing.T) {
	s := start(t)
	frame := emptyFrame(t)
	var sockets []*websocket.Conn
	for i := range 24 {
		ws := s.openSocket("/rtc?protocol=17&access_token="+s.guestToken("blue", fmt.Sprint("guest", i)), nil)
		if _, _, err := ws.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, ws)
	}
	s.checkMemoryGrowth(maxGrowth, func() {
		inParallel(len(sockets), func(i int) {
			_ = sockets[i].WriteMessage(websocket.BinaryMessage, frame)
			for { // until it is refused
				if _, _, err := sockets[i].ReadMessage(); err != nil {
					if !websocket.IsCloseError(err, websocket.CloseInvalidFramePayloadData) {
						t.Errorf("the socket ends with %v", err)
					}
					return
				}
			}
		})
	})
}

// The compressed join requests decompress to a megabyte of empty messages.
func TestCompressedJoinRequestsTakeBoundedMemory(t *testing.T) {
	s := start(t)
	join := &livekit.JoinRequest{}
	for range 400_000 {
		join.AddTrackRequests = append(join.AddTrackRequests, &livekit.AddTrackRequest{})
	}
	raw, err := proto.Marshal(join)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(raw)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	wrapped, err := proto.Marshal(&livekit.WrappedJoinRequest{Compression: livekit.WrappedJoinRequest_GZIP, JoinRequest: packed.Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + s.address + "/rtc/v1?join_request=" + base64.URLEncoding.EncodeToString(wrapped) + "&access_token=" + s.guestToken("blue", "mallory")
	s.checkMemoryGrowth(maxGrowth, func() {
		inParallel(4, func(int) {
			for range 10 {
				resp, err := http.Get(address)
				if err != nil {
					t.Error(err)
					return
				}
				if _ = resp.Body.Close(); resp.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	})
}

// Ten direct calls at a time are attacked. In each of them one peer floods the other, which does not read. Another
// direct call must keep working.
func TestDirectCallQueuesTakeBoundedMemory(t *testing.T) {
	s := start(t)
	ada, bo := s.openSocket("/direct/ws", nil), s.openSocket("/direct/ws", nil) // the pair that must keep working
	receiveText(t, ada)
	receiveText(t, bo)
	sendText(t, ada, `"SessionNew"`)
	session := strings.TrimSuffix(strings.TrimPrefix(receiveText(t, ada), `{"SessionReady":"`), `"}`)
	sendText(t, bo, `{"SessionJoin":"`+session+`"}`)
	receiveText(t, ada)
	receiveText(t, bo)
	flood := func(text string) {
		slow := s.openSocket("/direct/ws", nil)
		_ = slow.SetReadDeadline(time.Now().Add(20 * time.Second))
		receiveText(t, slow) // its id
		sendText(t, slow, `"SessionNew"`)
		id := strings.TrimSuffix(strings.TrimPrefix(receiveText(t, slow), `{"SessionReady":"`), `"}`)
		flooder := s.openSocket("/direct/ws", nil)
		sendText(t, flooder, `{"SessionJoin":"`+id+`"}`)
		for range 200 {
			if flooder.WriteMessage(websocket.TextMessage, []byte(`{"VideoOffer":["`+text+`","`+id+`"]}`)) != nil {
				return // cut off
			}
		}
	}
	s.checkMemoryGrowth(40*megabyte, func() {
		for _, text := range []string{"\xff", "<", "x"} {
			inParallel(10, func(int) { flood(strings.Repeat(text, 60_000)) })
		}
	})
	offer := `{"VideoOffer":["an offer","` + session + `"]}`
	sendText(t, ada, offer)
	if got := receiveText(t, bo); got != offer {
		t.Errorf("after the attack bo received %s", got)
	}
}

// sendText sends a text message.
func sendText(t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Error(err)
	}
}

// receiveText returns the next message.
func receiveText(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	_, raw, err := ws.ReadMessage()
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(raw))
}
