package signal

import (
	"net/http"
	"strconv"

	"meet/internal/fault"
)

// httpStatuses maps kinds of faults to HTTP statuses for refused joins.
var httpStatuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied:          http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Internal:        http.StatusInternalServerError,
}

// writeError responds to a refused join with the status of the error's kind and its public text. An error without a
// public text is logged.
func (h *Handler) writeError(w http.ResponseWriter, err error) {
	text := fault.Public(err)
	if text == "" {
		h.log.Error("a join failed", "err", err)
		text = "something went wrong while joining; try again"
	}
	if seconds := fault.RetryAfter(err); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	http.Error(w, text, httpStatuses[fault.KindOf(err)])
}
