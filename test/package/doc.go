// Package pkg tests what scripts/release.sh builds for this machine: the archive, the Debian package with its systemd
// service, and the binary in a folder that is as empty as a container from the Containerfile.
package pkg
