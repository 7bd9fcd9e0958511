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

// Limits for one frame. The largest legitimate frames list the tracks or permissions of about a thousand participants.
const (
	// maxMessages bounds the number of messages nested in a frame. Each takes 50 to 300 bytes when decoded.
	maxMessages = 4096
	// maxValues bounds the number of values in all fields of a frame. A string takes 16 bytes besides its content.
	maxValues = 1 << 16
	// maxDepth bounds the nesting of JSON. LiveKit's messages nest at most 8 levels deep.
	maxDepth = 64
)

// Errors for frames that are refused.
var (
	ErrTooManyValues = errors.New("decode: the message holds too many values")
	ErrMalformed     = errors.New("decode: the message cannot be read")
)

// Proto decodes a protobuf message into m and drops fields that m does not know. It returns ErrTooManyValues if raw
// exceeds a limit, or ErrMalformed.
func Proto(raw []byte, m proto.Message) error {
	if err := CheckProto(raw, m.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, m) != nil {
		return ErrMalformed
	}
	return nil
}

// JSON decodes proto3 JSON into m and drops fields that m does not know. It returns ErrTooManyValues if raw exceeds a
// limit, or ErrMalformed.
func JSON(raw []byte, m proto.Message) error {
	if err := CheckJSON(raw); err != nil {
		return err
	}
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, m) != nil {
		return ErrMalformed
	}
	return nil
}

// DropUnknown removes unknown fields from m and from all messages in it.
func DropUnknown(m proto.Message) { dropUnknown(m.ProtoReflect()) }

// dropUnknown implements DropUnknown, recursively.
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

// CheckProto returns an error if raw is not a well-formed message of type d, or exceeds a limit. It allocates no memory.
func CheckProto(raw []byte, d protoreflect.MessageDescriptor) error {
	c := counter{}
	return c.message(raw, d)
}

// CheckProtoPrefix returns ErrTooManyValues if raw, the first bytes of a message of type d, already exceeds a limit.
func CheckProtoPrefix(raw []byte, d protoreflect.MessageDescriptor) error {
	c := counter{prefixOnly: true}
	if err := c.message(raw, d); errors.Is(err, ErrTooManyValues) {
		return err
	}
	return nil
}

// prefixSize is the number of bytes that ReadFrame reads before it checks them.
const prefixSize = 64 << 10

// ReadFrame reads all of r into frame. If r has 64 KiB or more, it passes the first 64 KiB to check before it reads on.
// If check returns an error, ReadFrame returns this error.
func ReadFrame(frame *bytes.Buffer, r io.Reader, check func(start []byte) error) error {
	n, err := frame.ReadFrom(io.LimitReader(r, prefixSize))
	if err != nil || n < prefixSize {
		return err
	}
	if err := check(frame.Bytes()); err != nil {
		return err
	}
	_, err = frame.ReadFrom(r)
	return err
}

// counter counts the messages and values of a frame.
type counter struct {
	messages, values int
	prefixOnly       bool // the frame may be cut off anywhere
}

// message counts the nested messages and the values in raw, which is an encoded message of type d.
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
		} else if raw = nil; !c.prefixOnly {
			return ErrMalformed
		}
		f := fields.ByNumber(number)
		if f == nil {
			continue // the decoder skips it, too
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

// content counts the nested messages and the values in raw, which is the value of the length-delimited field f.
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
	if c.values += len(raw); c.values > maxValues { // packed numbers of at least one byte each
		return ErrTooManyValues
	}
	return nil
}

// CheckJSON returns ErrTooManyValues if raw exceeds a limit. It does not check whether raw is valid JSON; the decoder
// does.
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
