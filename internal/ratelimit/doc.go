// Package ratelimit limits how often each client may use a service (Limiter) and how much of it at the same time (Counter),
// and how often and how much all clients together. A client is a network address as returned by package source.
package ratelimit
