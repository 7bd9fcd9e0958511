// Package publicip finds the public IP addresses of this machine, by a STUN server and by the DNS records of its domain.
//
// A [Watcher] has one goroutine for the STUN server and one for the domain. Each asks at the start and every few minutes,
// and stores the addresses. [Watcher.Close] ends both and waits for them. Neither source is necessary: when one fails, the
// watcher keeps the addresses that it has, and asks again later.
package publicip
