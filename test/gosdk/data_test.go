package gosdk

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

// receivedStream is a data stream that has been received completely.
type receivedStream struct {
	from, text string
	bytes      []byte
	attributes map[string]string
}

func TestDataReachesItsDestinations(t *testing.T) {
	for name, opts := range connectModes {
		t.Run(name, func(t *testing.T) {
			room := fmt.Sprintf("gosdk-data-%d", time.Now().UnixNano())
			ada, bo, cy := join(t, room, "ada", opts...), join(t, room, "bo", opts...), join(t, room, "cy", opts...)
			ghost := joinHidden(t, room, opts...)
			t.Run("destinations", func(t *testing.T) {
				packet := &lksdk.UserDataPacket{Payload: []byte("for bo"), Topic: "test"}
				if err := ada.LocalParticipant.PublishDataPacket(packet, lksdk.WithDataPublishReliable(true), lksdk.WithDataPublishDestination([]string{"bo"})); err != nil {
					t.Fatal(err)
				}
				packet = &lksdk.UserDataPacket{Payload: []byte("for all"), Topic: "test"}
				if err := ada.LocalParticipant.PublishDataPacket(packet, lksdk.WithDataPublishReliable(true)); err != nil {
					t.Fatal(err)
				}
				bo.awaitData("ada: for bo")
				bo.awaitData("ada: for all")
				cy.awaitData("ada: for all")
				cy.locked(func() {
					if len(cy.data) != 1 {
						t.Errorf("cy received %q", cy.data)
					}
				})
			})
			t.Run("data streams", func(t *testing.T) { testDataStreams(t, ada, bo) })
			t.Run("RPC", func(t *testing.T) { testRPC(t, ada, bo, ghost) })
		})
	}
}

// testDataStreams sends a text and a megabyte of bytes. The SDK sends a chunk of 15,000 bytes only when the previous
// one is acknowledged, and pion on the other side may delay acknowledgements by 200 ms. More data would take long.
func testDataStreams(t *testing.T, ada, bo *participant) {
	arrived := make(chan receivedStream, 2)
	if err := bo.RegisterTextStreamHandler("files", func(r *lksdk.TextStreamReader, from string) {
		go func() { arrived <- receivedStream{from: from, text: r.ReadAll(), attributes: r.Info.Attributes} }() // ends with the stream
	}); err != nil {
		t.Fatal(err)
	}
	if err := bo.RegisterByteStreamHandler("files", func(r *lksdk.ByteStreamReader, from string) {
		go func() { arrived <- receivedStream{from: from, bytes: r.ReadAll()} }() // ends with the stream
	}); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 1<<20)
	_, _ = rand.Read(content)
	text := base64.StdEncoding.EncodeToString(content[:64<<10])
	ada.LocalParticipant.SendText(text, lksdk.StreamTextOptions{Topic: "files", Attributes: map[string]string{"of": "ada"}})
	await := func() receivedStream {
		select {
		case s := <-arrived:
			return s
		case <-time.After(20 * time.Second):
			t.Fatal("no stream arrives")
			return receivedStream{}
		}
	}
	if s := await(); s.from != "ada" || s.text != text || s.attributes["of"] != "ada" {
		t.Errorf("%d bytes of %d of text arrive, of %q with %v", len(s.text), len(text), s.from, s.attributes)
	}
	w := ada.LocalParticipant.StreamBytes(lksdk.StreamBytesOptions{Topic: "files", DestinationIdentities: []string{"bo"}})
	w.Write(content, nil)
	w.Close()
	if s := await(); s.from != "ada" || string(s.bytes) != string(content) {
		t.Errorf("%d bytes of %d arrive, of %q", len(s.bytes), len(content), s.from)
	}
}

// joinHidden joins as a hidden participant, which is not announced to others.
func joinHidden(t *testing.T, room string, opts ...lksdk.ConnectOption) *lksdk.Room {
	t.Helper()
	token, err := auth.NewAccessToken(server.key, server.secret).SetIdentity("ghost").
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room, Hidden: true}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	r, err := lksdk.ConnectToRoomWithToken(server.url, token, &lksdk.RoomCallback{}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Disconnect)
	return r
}

// testRPC calls RPC methods of visible, hidden and missing participants.
func testRPC(t *testing.T, ada, bo *participant, ghost *lksdk.Room) {
	detail := "because"
	for method, answer := range map[string]lksdk.RpcHandlerFunc{
		"greet": func(d lksdk.RpcInvocationData) (string, error) { return d.CallerIdentity + " said " + d.Payload, nil },
		"refuse": func(lksdk.RpcInvocationData) (string, error) {
			return "", lksdk.NewRpcError(4321, "not today", &detail)
		},
	} {
		if err := bo.RegisterRpcMethod(method, answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := ghost.RegisterRpcMethod("haunt", func(d lksdk.RpcInvocationData) (string, error) { return d.CallerIdentity + " is haunted", nil }); err != nil {
		t.Fatal(err)
	}
	callBy := func(r *lksdk.Room, to, method string) (string, error) {
		answer, err := r.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: to, Method: method, Payload: "hello"})
		if answer == nil {
			return "", err
		}
		return *answer, err
	}
	call := func(method string) (string, error) { return callBy(ada.Room, "bo", method) }
	if answer, err := call("greet"); answer != "ada said hello" || err != nil {
		t.Errorf("answered %q, %v", answer, err)
	}
	if answer, err := callBy(ghost, "bo", "greet"); !strings.HasSuffix(answer, " said hello") || strings.Contains(answer, "ghost") || err != nil {
		t.Errorf("the hidden participant gets the response %q, %v", answer, err)
	}
	if answer, err := callBy(ada.Room, "ghost", "haunt"); answer != "ada is haunted" || err != nil {
		t.Errorf("the hidden participant responds %q, %v", answer, err)
	}
	var failed *lksdk.RpcError
	if _, err := callBy(ada.Room, "nobody", "greet"); !errors.As(err, &failed) || failed.Code != lksdk.RpcRecipientNotFound {
		t.Errorf("a call to nobody: %v", err)
	}
	for method, code := range map[string]lksdk.RpcErrorCode{"refuse": 4321, "unknown": lksdk.RpcUnsupportedMethod} {
		if _, err := call(method); !errors.As(err, &failed) || failed.Code != code {
			t.Errorf("%s: %v, want %d", method, err, code)
		}
	}
}
