// Package doctor checks whether a machine is fit to run the server: its data folder, ports, certificates, addresses, domain,
// clock and limits.
//
// [Examine] leaves nothing behind: it opens and closes sockets, and creates and removes one file in the data folder. It
// contacts no other machines except the name server, if there is a domain, and the STUN server, if one is configured.
// Package reach checks whether clients reach the server.
package doctor
