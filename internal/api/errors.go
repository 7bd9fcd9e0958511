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

// twirpCodes maps kinds of faults to Twirp's codes. A kind that is missing here is an internal error.
var twirpCodes = map[fault.Kind]twirp.ErrorCode{
	fault.Invalid:         twirp.InvalidArgument,
	fault.Unauthenticated: twirp.Unauthenticated,
	fault.Denied:          twirp.PermissionDenied,
	fault.NotFound:        twirp.NotFound,
	fault.Conflict:        twirp.AlreadyExists,
	fault.Exhausted:       twirp.ResourceExhausted,
	fault.Unavailable:     twirp.Unavailable,
}

// translate returns err as a Twirp error with its public text. An error without a public text becomes an internal
// error with an empty message, which errorInterceptor replaces.
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

// rpcCodes maps error codes of RPCs between participants to Twirp's codes, as the reference server does
// (docs/protocol.md, 6.3). All other codes belong to the application and become internal errors.
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

// translateRPC returns the Twirp error for a failed RPC. The participant's own code, message and data are in the
// error's metadata, so that clients need not parse the text.
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

// errorInterceptor returns a Twirp interceptor that translates the errors of the services. Panics and errors without
// a public text are mistakes of this server: they are logged with an ID, and the client receives only the ID.
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
				if seconds := fault.RetryAfter(err); seconds > 0 {
					_ = twirp.SetHTTPResponseHeader(ctx, "Retry-After", strconv.Itoa(seconds)) // fails only for the header Content-Type
				}
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
