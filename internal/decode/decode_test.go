package decode_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"meet/internal/decode"
)

// emptyFields returns n empty length-delimited fields. All have the same field number.
func emptyFields(number protowire.Number, n int) []byte {
	return bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), nil), n)
}

func TestProtobufWithTooManyValuesIsRefused(t *testing.T) {
	agents := protowire.Number(14) // of CreateRoomRequest, RoomAgentDispatch
	for _, tc := range []struct {
		name string
		raw  []byte
		into proto.Message
		want error
	}{
		{"empty message", nil, &livekit.CreateRoomRequest{}, nil},
		{"4096 messages", emptyFields(agents, 4096), &livekit.CreateRoomRequest{}, nil},
		{"2 million messages in 4 MiB", emptyFields(agents, 2_097_142), &livekit.CreateRoomRequest{}, decode.ErrTooManyValues},
		{"too many strings", emptyFields(1, 1<<16+1), &livekit.ListRoomsRequest{}, decode.ErrTooManyValues},
		{"65536 strings", emptyFields(1, 1<<16), &livekit.ListRoomsRequest{}, nil},
		{
			"packed numbers of an unknown field", protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), make([]byte, 1<<17)),
			&livekit.UpdateLocalAudioTrack{}, nil, // field 3 is not known
		},
		{
			"packed numbers of a known field", protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), make([]byte, 1<<17)),
			&livekit.UpdateLocalAudioTrack{}, decode.ErrTooManyValues,
		},
		{"unknown fields", emptyFields(5000, 1_000_000), &livekit.CreateRoomRequest{}, nil},
		{"truncated", []byte{0x72, 0x05, 0x00}, &livekit.CreateRoomRequest{}, decode.ErrMalformed},
		{"invalid tag", []byte{0xff}, &livekit.CreateRoomRequest{}, decode.ErrMalformed},
	} {
		if err := decode.Proto(tc.raw, tc.into); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestJSONWithTooManyValuesIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		want      error
	}{
		{"empty message", `{}`, nil},
		{"a million messages", `{"agents":[` + strings.Repeat("{},", 1_000_000) + `{}]}`, decode.ErrTooManyValues},
		{"4096 messages", `{"agents":[` + strings.Repeat("{},", 4095) + `{}]}`, nil},
		{"too many strings", `{"tags":{"a":"` + strings.Repeat(`","b":"`, 100_000) + `"}}`, decode.ErrTooManyValues},
		{"brackets and commas in a string", `{"metadata":"` + strings.Repeat(`{[,\"`, 100_000) + `"}`, nil},
		{"nested 10,000 levels deep", `{"unknown":` + strings.Repeat(`[`, 10_000), decode.ErrTooManyValues},
		{"truncated", `{"metadata":"a`, decode.ErrMalformed},
		{"a backslash at the end", `{"metadata":"\`, decode.ErrMalformed},
	} {
		if err := decode.JSON([]byte(tc.raw), &livekit.CreateRoomRequest{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// Unknown fields are dropped at every depth.
func TestDecodingDropsUnknownProtobufFields(t *testing.T) {
	schema := &livekit.DataTrackSchemaId{Name: "schema"}
	schema.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 5000, protowire.BytesType), make([]byte, 15_000)))
	raw, err := proto.Marshal(&livekit.SignalRequest{Message: &livekit.SignalRequest_PublishDataTrackRequest{
		PublishDataTrackRequest: &livekit.PublishDataTrackRequest{Name: "track", Schema: schema},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := &livekit.SignalRequest{}
	if err := decode.Proto(raw, m); err != nil {
		t.Fatal(err)
	}
	if size := proto.Size(m); size > 100 || m.GetPublishDataTrackRequest().GetSchema().GetName() != "schema" {
		t.Errorf("%d bytes are left: %v", size, m)
	}
}

// CheckProtoPrefix refuses a hostile frame by its first bytes. It never refuses the beginning of a good frame, whatever
// its length.
func TestCheckProtoPrefixRefusesOnlyFramesWithTooManyValues(t *testing.T) {
	d := (&livekit.SignalRequest{}).ProtoReflect().Descriptor()
	whole := func(u *livekit.UpdateSubscription) []byte {
		raw, err := proto.Marshal(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: u}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	hostile, good := &livekit.UpdateSubscription{}, &livekit.UpdateSubscription{}
	for i := range 100_000 {
		hostile.ParticipantTracks = append(hostile.ParticipantTracks, &livekit.ParticipantTracks{})
		if i < 200 {
			good.ParticipantTracks = append(good.ParticipantTracks, &livekit.ParticipantTracks{ParticipantSid: "PA_abcdefghijkl", TrackSids: []string{"TR_a"}})
		}
	}
	if err := decode.CheckProtoPrefix(whole(hostile)[:64<<10], d); !errors.Is(err, decode.ErrTooManyValues) {
		t.Errorf("the beginning of a hostile frame: %v", err)
	}
	raw := whole(good)
	for n := range raw {
		if err := decode.CheckProtoPrefix(raw[:n], d); err != nil {
			t.Fatalf("the first %d bytes of a good one: %v", n, err)
		}
	}
}

func TestDropUnknownKeepsKnownFields(t *testing.T) {
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 5000, protowire.VarintType), 1)
	inside := &livekit.RoomAgentDispatch{AgentName: "bot"}
	inside.ProtoReflect().SetUnknown(unknown)
	m := &livekit.CreateRoomRequest{Name: "blue", Agents: []*livekit.RoomAgentDispatch{inside}, Tags: map[string]string{"a": "b"}}
	m.ProtoReflect().SetUnknown(unknown)
	decode.DropUnknown(m)
	want := &livekit.CreateRoomRequest{Name: "blue", Agents: []*livekit.RoomAgentDispatch{{AgentName: "bot"}}, Tags: map[string]string{"a": "b"}}
	if !proto.Equal(m, want) {
		t.Errorf("%v is left", m)
	}
}

// checkAgreement fails the test unless this package and the protobuf module agree on a frame that is within the limits.
// got and err are the results of this package. want and plain are those of the protobuf module.
func checkAgreement(t *testing.T, got, want proto.Message, err, plain error) {
	t.Helper()
	switch {
	case errors.Is(err, decode.ErrTooManyValues):
	case (err == nil) != (plain == nil):
		t.Fatalf("%v, and the protobuf module says %v", err, plain)
	case err == nil && !proto.Equal(got, want):
		t.Fatalf("%v, want %v", got, want)
	}
}

func FuzzProtoAgreesWithUnmarshal(f *testing.F) {
	f.Add([]byte{})
	f.Add(emptyFields(14, 10))
	offer, _ := proto.Marshal(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Sdp: "v=0"}}})
	f.Add(offer)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, want := &livekit.SignalRequest{}, &livekit.SignalRequest{}
		checkAgreement(t, got, want, decode.Proto(raw, got), proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(raw, want))
	})
}

func FuzzJSONAgreesWithUnmarshal(f *testing.F) {
	f.Add([]byte(`{"offer":{"sdp":"v=0\r\n\"{"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, want := &livekit.SignalRequest{}, &livekit.SignalRequest{}
		checkAgreement(t, got, want, decode.JSON(raw, got), protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(raw, want))
	})
}

func BenchmarkProto(b *testing.B) {
	raw, err := proto.Marshal(&livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: make([]byte, 1000), Topic: new("chat")}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("checked", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := decode.Proto(raw, &livekit.DataPacket{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(raw, &livekit.DataPacket{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
