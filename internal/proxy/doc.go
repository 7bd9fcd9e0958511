// Package proxy reads what reverse proxies say about a request that they pass on: who sent it, and the scheme and host by
// which a browser reached this server. Nothing else in the server reads these headers.
//
// The client's address decides about limits, so only trusted proxies are believed (Trusted). Scheme and host are believed
// from any request: a client that lies about them only gets an address that does not work for it.
package proxy
