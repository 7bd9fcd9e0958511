package decode

import (
	"bytes"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits of one frame. The largest honest ones list the tracks or the permissions of some thousand participants.
const (
	// maxMessages bounds the messages inside a frame. Each takes 50 to 300 bytes decoded.
	maxMessages = 4096
	// maxValues bounds the values in all its fields. A text takes 16 bytes besides its content.
	maxValues = 1 << 16
	// maxDepth bounds how deep JSON is nested; LiveKit's messages are at most 8 deep.
	maxDepth = 64
)

// Reasons a frame is refused.
var (
	ErrTooManyValues = errors.New("decode: the message holds too many values")
	ErrMalformed     = errors.New("decode: the message cannot be read")
)

// Proto decodes raw into m, without fields that m does not know.
func Proto(raw []byte, m proto.Message) error {
	if err := CheckProto(raw, m.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, m) != nil {
		return ErrMalformed
	}
	return nil
}

// JSON decodes raw, proto3 JSON, into m, without fields that m does not know.
func JSON(raw []byte, m proto.Message) error {
	if err := CheckJSON(raw); err != nil {
		return err
	}
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, m) != nil {
		return ErrMalformed
	}
	return nil
}

// DropUnknown removes the fields of m that it does not know, also from the messages in it.
func DropUnknown(m proto.Message) { dropUnknown(m.ProtoReflect()) }

func dropUnknown(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if f.MapValue().Kind() == protoreflect.MessageKind {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { dropUnknown(v.Message()); return true })
			}
		case f.Kind() != protoreflect.MessageKind:
		case f.IsList():
			for i := range v.List().Len() {
				dropUnknown(v.List().Get(i).Message())
			}
		default:
			dropUnknown(v.Message())
		}
		return true
	})
}

// CheckProto returns an error if raw, a message of that type, is malformed or holds more than a frame may. It allocates nothing.
func CheckProto(raw []byte, d protoreflect.MessageDescriptor) error {
	c := counter{}
	return c.message(raw, d)
}

// CheckProtoPrefix returns ErrTooMany if the beginning of a message of that type holds more than the whole may.
func CheckProtoPrefix(raw []byte, d protoreflect.MessageDescriptor) error {
	c := counter{cut: true}
	if err := c.message(raw, d); errors.Is(err, ErrTooManyValues) {
		return err
	}
	return nil
}

// startSize is how much of a frame is read before it is looked at, in bytes.
const startSize = 64 << 10

// ReadFrame reads all of r into frame. A frame of which the beginning holds more than the whole may is not read to its end: the
// error is that of check, which gets the beginning.
func ReadFrame(frame *bytes.Buffer, r io.Reader, check func(start []byte) error) error {
	n, err := frame.ReadFrom(io.LimitReader(r, startSize))
	if err != nil || n < startSize {
		return err
	}
	if err := check(frame.Bytes()); err != nil {
		return err
	}
	_, err = frame.ReadFrom(r)
	return err
}

// counter counts what a frame holds.
type counter struct {
	messages, values int
	cut              bool // the frame may end anywhere
}

func (c *counter) message(raw []byte, d protoreflect.MessageDescriptor) error {
	fields := d.Fields()
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return ErrMalformed
		}
		raw = raw[n:]
		value := raw
		if n = protowire.ConsumeFieldValue(number, kind, raw); n >= 0 {
			value, raw = raw[:n], raw[n:]
		} else if raw = nil; !c.cut {
			return ErrMalformed
		}
		f := fields.ByNumber(number)
		if f == nil {
			continue // it is skipped by the decoder too
		}
		if c.values++; c.values > maxValues {
			return ErrTooManyValues
		}
		if kind != protowire.BytesType {
			continue
		}
		_, n = protowire.ConsumeVarint(value) // the length
		if n < 0 {
			return ErrMalformed
		}
		if err := c.content(value[n:], f); err != nil {
			return err
		}
	}
	return nil
}

// content counts what a field with a length holds.
func (c *counter) content(raw []byte, f protoreflect.FieldDescriptor) error {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return nil
	case protoreflect.MessageKind:
		if c.messages++; c.messages > maxMessages {
			return ErrTooManyValues
		}
		return c.message(raw, f.Message())
	}
	if c.values += len(raw); c.values > maxValues { // numbers packed together, of at least a byte each
		return ErrTooManyValues
	}
	return nil
}

// CheckJSON returns an error if raw holds more than a frame may. Whether it is JSON at all is the decoder's to say.
func CheckJSON(raw []byte) error {
	messages, values, depth := 0, 0, 0
	inText := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return ErrTooManyValues
			}
			if values++; c == '{' {
				messages++
			}
		case c == '}', c == ']':
			depth--
		case c == ',':
			values++
		}
		if messages > maxMessages+1 || values > maxValues {
			return ErrTooManyValues
		}
	}
	return nil
}
