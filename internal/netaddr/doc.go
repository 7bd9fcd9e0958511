// Package netaddr lists the addresses of this machine at which other machines may reach it.
//
// [Own] lists all addresses. [Usable] omits the addresses that are of no use to others: those of loopback interfaces,
// link-local addresses, and those of bridges to containers and virtual machines, which have addresses in the same
// private ranges on many machines.
package netaddr
