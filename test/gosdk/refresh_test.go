//go:build !gosdk_2_16

// The older SDK uses another name for a grant of agents than LiveKit 1.13.5.

package gosdk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// setAllFields sets every claim to a value.
func setAllFields(t *testing.T, v reflect.Value) {
	t.Helper()
	if v.Type() == reflect.TypeFor[*auth.RoomConfiguration]() {
		v.Set(reflect.ValueOf(&auth.RoomConfiguration{Metadata: "m", MaxParticipants: 3}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		setAllFields(t, v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		setAllFields(t, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			setAllFields(t, v.Field(i))
		}
	default:
		t.Fatalf("a claim of type %v", v.Type())
	}
}

// signed returns a JWT with the claims, signed with the server's API key.
func signed(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(server.secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// The token has every claim of LiveKit's Go library, and the refreshed token has the same claims.
func TestRefreshedTokenHasEveryClaim(t *testing.T) {
	var grants auth.ClaimGrants
	setAllFields(t, reflect.ValueOf(&grants).Elem())
	text, err := json.Marshal(&grants)
	if err != nil {
		t.Fatal(err)
	}
	var presented map[string]any
	if err := json.Unmarshal(text, &presented); err != nil {
		t.Fatal(err)
	}
	presented["iss"], presented["sub"] = server.key, grants.Identity
	presented["iat"], presented["exp"] = time.Now().Unix(), time.Now().Add(time.Hour).Unix()

	header := http.Header{"Authorization": {"Bearer " + signed(t, presented)}}
	ws, resp, err := websocket.DefaultDialer.Dial(server.url+"/rtc?protocol=17", header)
	if err != nil {
		t.Fatalf("%v %+v", err, resp)
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	var raw string
	for raw == "" {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m := &livekit.SignalResponse{}
		if err := proto.Unmarshal(frame, m); err != nil {
			t.Fatal(err)
		}
		raw = m.GetRefreshToken()
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var refreshed map[string]any
	if err := json.Unmarshal(payload, &refreshed); err != nil {
		t.Fatal(err)
	}
	delete(presented, "exp")
	for claim, want := range presented {
		if n, ok := want.(int64); ok {
			want = float64(n)
		}
		if got := refreshed[claim]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v was refreshed as %v", claim, want, got)
		}
	}
}
