package signal

import (
	"net/http"

	"meet/internal/fault"
)

// statuses maps kinds of faults to HTTP, for refused joins.
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

// fail answers a refused join with the status of its error's kind and its public text.
func (h *Handler) writeError(w http.ResponseWriter, err error) {
	text := fault.Public(err)
	if text == "" {
		h.log.Error("join failed", "err", err)
		text = "something went wrong while joining"
	}
	http.Error(w, text, httpStatuses[fault.KindOf(err)])
}
