// Package assets holds the prebuilt front end: the build embedded in the binary, or the newest published build, which
// is fetched, verified and activated as a whole.
//
// A build is a folder with these files:
//
//   - scripts, styles and other files whose names include a hash of their content
//   - the shells (static HTML) of the pages
//   - compressed forms of text files
//   - manifest.json, which lists the files above and flist.txt, with sizes and SHA-256 sums
//   - flist.txt, which lists the same paths as plain text
//
// Pack makes a build. Open checks and reads a build from the binary, the data folder or any other fs.FS. Store keeps
// installed builds on disk, Updater installs new ones, and Library serves them.
package assets
