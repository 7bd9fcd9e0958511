// Package doctor checks whether a machine is fit to serve: its data folder, ports, addresses, clock and limits.
//
// [Examine] changes nothing that stays: it opens and closes sockets, and writes and removes one file in the data folder.
// Nothing is asked of any other machine.
package doctor
