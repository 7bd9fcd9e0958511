// Package doctor checks whether a machine is fit to run the server: its data folder, ports, addresses, clock and
// limits.
//
// [Examine] leaves nothing behind: it opens and closes sockets, and creates and removes one file in the data folder.
// It does not contact other machines.
package doctor
