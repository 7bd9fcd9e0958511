// Package arch holds the package map: which of our packages may import which, and what must stay out of where.
package arch
