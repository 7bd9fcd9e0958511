// Package arch holds what can be checked of the repository as a whole: the package map, which says which of our packages
// may import which and what must stay out of where; that the tests, names and documents that documents and comments cite
// exist; that goroutines have owners; and that workflows are safe.
package arch
