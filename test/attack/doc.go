// Package attack sends to the built program what somebody would who wants to exhaust it, mostly with a token that anybody
// gets, and measures what it takes. Attacks on rights, and those that need no process of their own, are tests of the
// packages they concern; docs/security.md lists all of them.
package attack
