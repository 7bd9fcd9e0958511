package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"

	"github.com/twitchtv/twirp"

	"meet/internal/fault"
	"meet/internal/rtc"
)

var twirpCodes = map[fault.Kind]twirp.ErrorCode{
	fault.Invalid:         twirp.InvalidArgument,
	fault.Unauthenticated: twirp.Unauthenticated,
	fault.Denied:          twirp.PermissionDenied,
	fault.NotFound:        twirp.NotFound,
	fault.Conflict:        twirp.AlreadyExists,
	fault.Exhausted:       twirp.ResourceExhausted,
	fault.Unavailable:     twirp.Unavailable,
}

// translate gives an error Twirp's code and its public text. What is nobody's business stays internal.
func translate(err error) twirp.Error {
	if known, ok := errors.AsType[twirp.Error](err); ok {
		return known
	}
	if failed, ok := errors.AsType[*rtc.RPCError](err); ok {
		return translateRPC(failed)
	}
	switch code, ok := twirpCodes[fault.KindOf(err)]; {
	case ok:
		return twirp.NewError(code, fault.Public(err))
	case errors.Is(err, context.DeadlineExceeded):
		return twirp.NewError(twirp.DeadlineExceeded, "this took longer than the caller would wait")
	case errors.Is(err, context.Canceled):
		return twirp.NewError(twirp.Canceled, "the caller has gone away")
	}
	return twirp.NewError(twirp.Internal, "")
}

// rpcCodes are the reference server's (docs/protocol.md, 6.3); any other number is the application's own.
var rpcCodes = map[uint32]twirp.ErrorCode{
	rtc.RPCUnsupportedMethod:     twirp.InvalidArgument,
	rtc.RPCRecipientNotFound:     twirp.NotFound,
	rtc.RPCRequestTooLarge:       twirp.Malformed,
	rtc.RPCUnsupportedServer:     twirp.Unimplemented,
	rtc.RPCUnsupportedVersion:    twirp.Unimplemented,
	rtc.RPCConnectionTimeout:     twirp.Canceled,
	rtc.RPCResponseTimeout:       twirp.Canceled,
	rtc.RPCRecipientDisconnected: twirp.Unavailable,
}

// translateRPC keeps the participant's own answer in the error's metadata, where it can be read without parsing a text.
func translateRPC(failed *rtc.RPCError) twirp.Error {
	code, ok := rpcCodes[failed.Code]
	if !ok {
		code = twirp.Internal
	}
	err := twirp.NewError(code, failed.Error()).WithMeta("rpc_code", strconv.FormatUint(uint64(failed.Code), 10))
	if failed.Message != "" {
		err = err.WithMeta("rpc_message", failed.Message)
	}
	if failed.Data != "" {
		err = err.WithMeta("rpc_data", failed.Data)
	}
	return err
}

// translateErrors stands between the stubs and the services. Whatever is unmarked, and a panic, is our mistake: it is
// logged under an id, and only the id is told.
func errorInterceptor(log *slog.Logger) twirp.Interceptor {
	return func(next twirp.Method) twirp.Method {
		return func(ctx context.Context, req any) (resp any, err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
				}
				if err == nil {
					return
				}
				known := translate(err)
				if known.Code() == twirp.Internal && known.Msg() == "" {
					id := rand.Text()[:8]
					service, _ := twirp.ServiceName(ctx)
					method, _ := twirp.MethodName(ctx)
					log.Error("server API call failed", "id", id, "service", service, "method", method, "err", err)
					known = twirp.NewError(twirp.Internal, fmt.Sprintf("something went wrong (%s)", id))
				}
				resp, err = nil, known
			}()
			return next(ctx, req)
		}
	}
}
