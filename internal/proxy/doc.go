// Package proxy reads the headers that reverse proxies add to requests: the address of the client, and the scheme and host
// that the browser used. No other package reads these headers.
//
// They are read only from headers of trusted proxies (Trusted).
package proxy
