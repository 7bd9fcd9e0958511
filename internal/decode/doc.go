// Package decode reads protobuf messages that strangers send, as protobuf or as JSON.
//
// In protobuf an empty message takes two bytes, and a hundred once it is decoded: a megabyte becomes fifty. The decoders of
// the protobuf module bound neither the number of messages nor the memory they take, so a frame is counted here before it
// is decoded. Fields that this program does not know are dropped: what is stored or relayed is what was checked.
package decode
