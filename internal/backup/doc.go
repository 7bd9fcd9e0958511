// Package backup writes the data folder of a server to one file, also while the server runs, and restores the folder
// from this file.
//
// The file is a zip archive. Its entry manifest.json lists all other entries with their sizes and SHA-256 sums:
//
//	files/...        the API keys, certificates and builds of the front end, by their paths in the data folder
//	streams/NAME     the streams of the store, as [store.Store.Snapshot] writes them
//	manifest.json    format, version of Meet, time, and the list; the last entry that is written
//
// [Restore] checks everything before it changes anything. It prepares the new content in a temporary folder inside the
// data folder, because the data folder itself may be a mount point, and then moves it into place. The old content
// stays in a folder next to it.
package backup
