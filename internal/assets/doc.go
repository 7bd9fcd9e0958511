// Package assets is the prebuilt front end: the one embedded, or the newest published build, fetched, verified and
// swapped in whole.
//
// A build is a folder: files whose names hold a hash of their content, compressed forms beside them, the shells of the
// pages, manifest.json, which says what belongs to it with every size and sum, and flist.txt, the same as a plain list.
// Pack makes one, Open checks and reads one, wherever it lies: in the binary, in the data folder, in a test.
package assets
