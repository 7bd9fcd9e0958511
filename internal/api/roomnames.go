package api

import (
	"context"
	"slices"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meet/internal/name"
)

// roomFields lists request fields that contain room names although they are not named room, room_name or
// destination_room.
var roomFields = []protoreflect.FullName{
	"livekit.CreateRoomRequest.name", "livekit.ListRoomsRequest.names",
}

// normalizeRoomNames is a Twirp interceptor that brings the room names in a request into the normal form in which
// rooms are stored. Package token does this for the names in tokens.
func normalizeRoomNames(next twirp.Method) twirp.Method {
	return func(ctx context.Context, req any) (any, error) {
		if m, ok := req.(proto.Message); ok {
			normalizeMessage(m.ProtoReflect())
		}
		return next(ctx, req)
	}
}

// normalizeMessage normalizes the room names in a message and its submessages.
func normalizeMessage(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Kind() == protoreflect.MessageKind && !f.IsList() && !f.IsMap():
			normalizeMessage(v.Message())
		case !isRoomName(f):
		case f.IsList():
			for i := range v.List().Len() {
				v.List().Set(i, protoreflect.ValueOfString(name.Lookup(v.List().Get(i).String())))
			}
		default:
			m.Set(f, protoreflect.ValueOfString(name.Lookup(v.String())))
		}
		return true
	})
}

// isRoomName reports whether a field contains room names.
func isRoomName(f protoreflect.FieldDescriptor) bool {
	return f.Kind() == protoreflect.StringKind && !f.IsMap() &&
		(slices.Contains([]protoreflect.Name{"room", "room_name", "destination_room"}, f.Name()) || slices.Contains(roomFields, f.FullName()))
}
