package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"meet/internal/fault"
)

// MaxBytes is the longest allowed name, in bytes. LiveKit has the same limit. Room names are used in links and as keys.
const MaxBytes = 256

// maxPersonRunes is the longest name, in characters, that a person may enter.
const maxPersonRunes = 128

// Errors about invalid names. The first two contain the name of the request parameter.
var (
	ErrRoomMissing      = fault.New(fault.Invalid, "roomName is missing")
	ErrPersonMissing    = fault.New(fault.Invalid, "participantName is missing")
	ErrRoomCharacters   = fault.New(fault.Invalid, "the room's name contains characters that cannot be shown")
	ErrRoomInvisible    = fault.New(fault.Invalid, "the room's name has no character that can be seen")
	ErrRoomTooLong      = fault.New(fault.Invalid, "the room's name is longer than 256 bytes")
	ErrPersonCharacters = fault.New(fault.Invalid, "the participant's name contains characters that cannot be shown")
	ErrPersonInvisible  = fault.New(fault.Invalid, "the participant's name has no character that can be seen")
	ErrPersonTooLong    = fault.New(fault.Invalid, "the participant's name is longer than 128 characters or 256 bytes")
)

// Room returns the normalized name of a room, or an error if the name is invalid.
func Room(s string) (string, error) {
	clean, err := clean(s, ErrRoomMissing, ErrRoomCharacters, ErrRoomInvisible, ErrRoomTooLong)
	if clean == "." || clean == ".." { // browsers resolve these in the path of a link
		return "", ErrRoomCharacters
	}
	return clean, err
}

// Person returns the normalized name of a person, or an error if the name is invalid.
func Person(s string) (string, error) {
	clean, err := clean(s, ErrPersonMissing, ErrPersonCharacters, ErrPersonInvisible, ErrPersonTooLong)
	if utf8.RuneCountInString(clean) > maxPersonRunes {
		return "", ErrPersonTooLong
	}
	return clean, err
}

// Display normalizes a person's name that a back end or a client has chosen, and truncates it to MaxBytes. The result is
// "" if no character of the name is visible. Truncation is needed after normalization, because NFC can lengthen a name:
// some letters of Devanagari have no composed form.
func Display(s string) string {
	s = Visible(s)
	if len(s) <= MaxBytes {
		return s
	}
	end := MaxBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return Visible(s[:end])
}

// Lookup returns the normalized form of a room name, or s itself if s is not a valid room name.
func Lookup(s string) string {
	if clean, err := Room(s); err == nil {
		return clean
	}
	return s
}

// clean normalizes s. It returns missing if s is empty, bad if s has forbidden characters or broken UTF-8, unseen if s
// has no visible character, and long if s is too long.
func clean(s string, missing, bad, unseen, long error) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", missing
	case len(s) > 4*MaxBytes: // bounds the work of normalization
		return "", long
	case !utf8.ValidString(s) || strings.ContainsFunc(s, isForbidden):
		return "", bad
	}
	switch s = Visible(s); {
	case s == "":
		return "", unseen
	case len(s) > MaxBytes:
		return "", long
	}
	return s, nil
}

// isForbidden reports whether a name must not contain this character. Forbidden are control characters and line breaks,
// characters that change the direction of text (UAX #9), annotations, noncharacters, and private-use characters.
func isForbidden(r rune) bool {
	switch {
	case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point),
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, // embeddings, overrides, isolates
		r >= 0xfff9 && r <= 0xfffd: // interlinear annotations, object replacement and replacement character
		return true
	}
	return false
}
