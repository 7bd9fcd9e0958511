package web

import (
	"embed"
	"io/fs"
)

//go:embed all:static
var embedded embed.FS

// Static is the embedded build of the front end.
var Static = sub(embedded, "static")

// sub returns the folder dir of an embedded file system.
func sub(fsys fs.FS, dir string) fs.FS {
	s, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // Sub fails only for an invalid name, and dir is a constant
	}
	return s
}
