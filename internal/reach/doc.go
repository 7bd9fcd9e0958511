// Package reach checks whether clients reach a running server through its public URL, one hop after another: the name, the
// TCP port, TLS, the HTTP response, the UDP port, signalling with TURN credentials, and a call through TURN relays.
//
// [Check] contacts no machines except those at the host of the URL, the TURN servers that this server names, and the name
// server. All its goroutines have ended when it returns.
package reach
