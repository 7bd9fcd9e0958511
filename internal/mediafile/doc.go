// Package mediafile reads frames from media files, to be sent in real time, and writes received tracks to files. It
// supports IVF with VP8, VP9 or AV1, H264 as a byte stream (Annex B), and Ogg with Opus. It has no goroutines.
//
// Where possible, the package uses the parsers of pion and mediacommon. Two readers are its own, for these faults of
// pion/webrtc 4.2.20:
//
//   - Ogg: pion's oggreader returns pages without their lacing values, so packets in a page cannot be separated. It
//     also stops at the first damaged page, where RFC 3533 asks a reader to find the next one.
//   - IVF: pion's ivfreader allocates any length that a frame header states, and converts timestamps with the inverse
//     of the time base.
package mediafile
