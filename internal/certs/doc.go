// Package certs supplies the server's TLS certificates.
//
// A [Source] has one of three origins: [Files] reads a certificate and its key from files, [ACME] obtains them from an ACME
// server such as Let's Encrypt (RFC 8555), and [LAN] issues them with a certificate authority of its own.
//
//	files that an operator renews ─▶ Files ┐
//	ACME server ─▶ data folder ─────▶ ACME ├─▶ GetCertificate ─▶ TLS handshakes
//	LANAuthority in the data folder ─▶ LAN ┘
//
// Each Source has one goroutine, which replaces the certificate: when its files change, when it must be renewed, or when
// this machine's addresses change. Close ends the goroutine and waits for it. Handshakes read the certificate from an atomic
// pointer, so no lock is held. A certificate that cannot be replaced stays in use.
//
// The authority of LAN has no name constraints (RFC 5280, section 4.2.1.10), because not all systems accept them in a root
// certificate. So its private key can sign for every name, and must be kept secret.
package certs
