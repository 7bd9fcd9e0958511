// Package mediafile reads media from files frame by frame, as they are to be sent, and writes received tracks to files:
// IVF with VP8, VP9 or AV1, H264 as a byte stream (Annex B), and Ogg with Opus. It has no goroutines.
package mediafile
