package direct

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
	"strconv"

	"meet/internal/proxy"
)

// ICEServer is an RTCIceServer in a browser's RTCConfiguration (W3C webrtc, 4.2.4).
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// ServeICEServers responds with the STUN and TURN servers for the session whose ID is in the query parameter "session".
// It responds with 404 if no such session is open, so that only peers that know a session's ID get TURN credentials.
func (h *Hub) ServeICEServers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store") // credentials expire
	if err := h.lookUps.Allow(proxy.ClientIP(r)); err != nil {
		writeError(w, err)
		return
	}
	id := r.URL.Query().Get("session")
	h.mu.Lock()
	_, open := h.sessions[id]
	h.mu.Unlock()
	if !open {
		http.Error(w, "there is no such direct call", http.StatusNotFound)
		return
	}
	servers := []ICEServer{{URLs: []string{h.STUNURL(r)}}}
	if h.opts.TURN != nil {
		urls, user, password := h.opts.TURN(proxy.Hostname(r), proxy.TLSPort(r), id)
		servers = append(servers, ICEServer{URLs: urls, Username: user, Credential: password})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string][]ICEServer{"iceServers": servers}) // fails only if the client has disconnected
}

// STUNURL returns the URL of the STUN server for the browser that sent r.
func (h *Hub) STUNURL(r *http.Request) string {
	return "stun:" + net.JoinHostPort(cmp.Or(h.opts.Host, proxy.Hostname(r)), strconv.Itoa(h.opts.Port))
}
