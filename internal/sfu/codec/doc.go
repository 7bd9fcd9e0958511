// Package codec reads and rewrites the payload descriptors of video codecs, and the dependency descriptor in the RTP header.
// It reads just enough to distinguish key frames and spatial and temporal layers, and to renumber VP8 pictures. It also
// splits RED (RFC 2198) into its encodings. It decodes no media and allocates no memory. Only DescriptorReader has state:
// the templates of the stream that it reads.
package codec
