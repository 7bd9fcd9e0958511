// Package decode reads protobuf messages from untrusted clients, as protobuf or as JSON.
//
// An empty protobuf message takes two bytes on the wire and about a hundred bytes when decoded, so a megabyte of input
// can take fifty megabytes of memory. The decoders of the protobuf module bound neither the number of messages nor the
// memory that they take. Therefore this package counts the content of a frame before it decodes the frame. It drops
// unknown fields, so that only checked data is stored or relayed.
package decode
