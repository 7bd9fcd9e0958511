// Package arch checks the repository as a whole: that imports follow the package map, that cited tests, names and
// documents exist, that goroutines have owners, and that workflows are safe.
package arch
