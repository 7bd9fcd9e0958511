// Package codec reads and rewrites the payload descriptors of the video codecs Meet forwards: just enough to tell key
// frames, spatial and temporal layers apart and to keep VP8's picture numbers contiguous. It decodes no media, keeps no
// state and allocates nothing.
package codec
