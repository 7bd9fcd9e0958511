// Package codec reads and rewrites the payload descriptors of the video codecs Meet forwards, and the dependency
// descriptor that comes beside them: just enough to tell key frames, spatial and temporal layers apart and to keep VP8's
// picture numbers contiguous. It also splits RED (RFC 2198) into its encodings. It decodes no media and allocates nothing.
// Only Descriptors keep state: the templates of the stream that they read.
package codec
