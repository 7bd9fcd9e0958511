package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"meet/internal/fault"
)

// MaxBytes bounds a name, as LiveKit does. A room's name is part of a link and a key in many places.
const MaxBytes = 256

// maxPersonRunes bounds what people type for their own name.
const maxPersonRunes = 128

// What can be wrong with a name. The first two name the parameter, as clients of the endpoints know it.
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

// Room returns a room's name as it is used, or what is wrong with it.
func Room(s string) (string, error) {
	clean, err := strict(s, ErrRoomMissing, ErrRoomCharacters, ErrRoomInvisible, ErrRoomTooLong)
	if clean == "." || clean == ".." { // no link could lead to a room called by dots alone
		return "", ErrRoomCharacters
	}
	return clean, err
}

// Person returns a person's name as it is shown, or what is wrong with it.
func Person(s string) (string, error) {
	clean, err := strict(s, ErrPersonMissing, ErrPersonCharacters, ErrPersonInvisible, ErrPersonTooLong)
	if utf8.RuneCountInString(clean) > maxPersonRunes {
		return "", ErrPersonTooLong
	}
	return clean, err
}

// Display returns what is shown of a person's name that a back end or a client chose: at most MaxBytes, and "" if nothing
// can be seen of it. Composition may lengthen a name: NFC has no single character for some letters of Devanagari.
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

// Lookup returns the name under which a room called s is found. That is s itself if no room can be called so.
func Lookup(s string) string {
	if clean, err := Room(s); err == nil {
		return clean
	}
	return s
}

// strict applies the rule, with the errors for a name that is missing, not text, invisible, or too long.
func strict(s string, missing, bad, unseen, long error) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", missing
	case len(s) > 4*MaxBytes: // before work is done that grows with it
		return "", long
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unshowable):
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

// unshowable reports whether a character makes a name unfit to be shown: controls and line breaks, what turns the
// direction of the text around it (UAX #9), annotations, and what is no character or a private one.
func unshowable(r rune) bool {
	switch {
	case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point),
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, // embeddings, overrides, isolates
		r >= 0xfff9 && r <= 0xfffd: // interlinear annotations, and what stands for objects and for broken text
		return true
	}
	return false
}
