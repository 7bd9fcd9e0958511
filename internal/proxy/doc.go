// Package proxy reads the headers that reverse proxies add to requests: the address of the client, and the scheme and host
// that the browser used. No other package reads these headers.
//
// Limits depend on the client's address, so it is read only from headers of trusted proxies (Trusted). Scheme and host are
// accepted from any request: a client that forges them only receives URLs that do not work for it.
package proxy
