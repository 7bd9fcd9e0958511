// Package mediafile reads media from files frame by frame, as they are to be sent, and writes received tracks to files:
// IVF with VP8, VP9 or AV1, H264 as a byte stream (Annex B), and Ogg with Opus. It has no goroutines.
//
// The parsers are those of pion and mediacommon where these suffice. Two readers are our own (compared with
// pion/webrtc 4.2.20):
//
//   - Ogg: pion's oggreader returns pages without their lacing values, so the packets in a page cannot be told apart. It
//     also stops at the first damaged page, where RFC 3533 asks a reader to find the next one.
//   - IVF: pion's ivfreader allocates whatever length a frame header states, and converts timestamps with the inverse of
//     the time base.
package mediafile
