// Package arch holds what can be checked of the repository as a whole: the package map, which says which of our packages
// may import which and what must stay out of where, and that the tests docs/compatibility.md names exist.
package arch
