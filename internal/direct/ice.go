package direct

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"

	"meet/internal/proxy"
)

// ICEServer is one server for a browser's RTCConfiguration (W3C webrtc, 4.2.4).
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// ServeICEServers answers a page that asks which servers help the two of ?session= to find each other: STUN, and relays
// for when nothing else works. Only who knows the id of a session that is open gets credentials.
func (h *Hub) ServeICEServers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store") // credentials run out
	id := r.URL.Query().Get("session")
	h.mu.Lock()
	_, open := h.sessions[id]
	h.mu.Unlock()
	if !open {
		http.Error(w, "there is no such direct call", http.StatusNotFound)
		return
	}
	at := h.serverAddress(r)
	servers := []ICEServer{{URLs: []string{h.STUNURL(r)}}}
	if h.opts.TURNCredentials != nil {
		user, password := h.opts.TURNCredentials(id)
		servers = append(servers, ICEServer{
			URLs: []string{"turn:" + at + "?transport=udp", "turn:" + at + "?transport=tcp"}, Username: user, Credential: password,
		})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string][]ICEServer{"iceServers": servers}) // who is gone needs no answer
}

// STUN is where a browser that came with r learns its own address.
func (h *Hub) STUNURL(r *http.Request) string { return "stun:" + h.serverAddress(r) }

// at is the host and port of STUN and TURN.
func (h *Hub) serverAddress(r *http.Request) string {
	host := h.opts.Host
	if host == "" { // how the browser came here is how it comes here by UDP
		host = proxy.PageHost(r)
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	return net.JoinHostPort(trimBrackets(host), strconv.Itoa(h.opts.Port))
}

// trimBrackets undoes how an IPv6 address without a port is written in a Host header.
func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}
