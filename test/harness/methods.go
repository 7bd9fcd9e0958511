package harness

import (
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// APIPaths returns the URL path of every method of the server APIs.
func APIPaths() []string {
	var paths []string
	for _, file := range []protoreflect.FileDescriptor{
		livekit.File_livekit_room_proto, livekit.File_livekit_egress_proto, livekit.File_livekit_ingress_proto,
		livekit.File_livekit_sip_proto, livekit.File_livekit_agent_dispatch_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				paths = append(paths, "/twirp/"+string(service.FullName())+"/"+string(service.Methods().Get(j).Name()))
			}
		}
	}
	return paths
}
