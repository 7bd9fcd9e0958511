// Package attack sends hostile requests to the built program and measures the memory that they use. Most attacks need
// only a token that everybody can get. Attacks that need no separate process, such as those on permissions, are tests of
// the packages they concern. docs/security.md lists all of them.
package attack
