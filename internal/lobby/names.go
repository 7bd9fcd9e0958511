package lobby

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"meet/internal/fault"
)

// Limits on what people type. A room's name is part of a link and a key in many places, so it counts in bytes.
const (
	maxRoomBytes     = 256
	maxNameRunes     = 128
	maxMetadataBytes = 4096 // the token carries it, and proxies refuse long URLs
)

// What can be wrong with a name. The first two name the parameter, as clients of the endpoints know it.
var (
	ErrNoRoom       = fault.New(fault.Invalid, "roomName is missing")
	ErrNoName       = fault.New(fault.Invalid, "participantName is missing")
	ErrRoomName     = fault.New(fault.Invalid, "the room's name contains characters that cannot be shown")
	ErrRoomLong     = fault.New(fault.Invalid, "the room's name is longer than 256 bytes")
	ErrName         = fault.New(fault.Invalid, "the participant's name contains characters that cannot be shown")
	ErrNameLong     = fault.New(fault.Invalid, "the participant's name is longer than 128 characters")
	ErrMetadata     = fault.New(fault.Invalid, "metadata is not text")
	ErrMetadataLong = fault.New(fault.Invalid, "metadata is longer than 4096 bytes")
)

// RoomName returns a room's name as it is used, or what is wrong with it.
func RoomName(s string) (string, error) {
	switch s = strings.TrimSpace(s); {
	case s == "":
		return "", ErrNoRoom
	case len(s) > maxRoomBytes:
		return "", ErrRoomLong
	case !printable(s), s == ".", s == "..": // no link could lead to a room called by dots alone
		return "", ErrRoomName
	}
	return s, nil
}

// displayName returns a person's name as it is shown, or what is wrong with it.
func displayName(s string) (string, error) {
	switch s = strings.TrimSpace(s); {
	case s == "":
		return "", ErrNoName
	case utf8.RuneCountInString(s) > maxNameRunes:
		return "", ErrNameLong
	case !printable(s):
		return "", ErrName
	}
	return s, nil
}

func checkMetadata(s string) error {
	switch {
	case len(s) > maxMetadataBytes:
		return ErrMetadataLong
	case !utf8.ValidString(s):
		return ErrMetadata
	}
	return nil
}

// printable refuses control characters, line breaks, and what turns the direction of the text around it.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
	})
}
