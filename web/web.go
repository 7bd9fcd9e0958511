package web

import (
	"embed"
	"io/fs"
)

//go:embed all:static
var embedded embed.FS

// Static is the build of the front end that the binary carries.
var Static = sub(embedded, "static")

func sub(fsys fs.FS, dir string) fs.FS {
	s, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // only an invalid name fails, and ours is a constant
	}
	return s
}
