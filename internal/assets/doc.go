// Package assets holds the prebuilt front end: the build embedded in the binary, or the newest published build, which
// is fetched, verified and activated as a whole.
//
// A build is a folder. It contains files whose names include a hash of their content, compressed forms of these
// files, the shells (static HTML) of the pages, manifest.json, which lists all files with sizes and SHA-256 sums, and
// flist.txt, which lists the same files as plain text. Pack makes a build. Open checks and reads one, from the
// binary, the data folder or any other fs.FS. Store keeps installed builds on disk, Updater installs new ones, and
// Library serves them.
package assets
