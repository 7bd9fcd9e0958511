package lobby

import (
	"unicode/utf8"

	"meet/internal/fault"
	"meet/internal/name"
)

// maxMetadataBytes bounds the metadata in a token. Tokens are sent in URLs, and proxies refuse long URLs.
const maxMetadataBytes = 4096

// Errors about a participant's metadata.
var (
	ErrMetadataInvalid = fault.New(fault.Invalid, "metadata is not text")
	ErrMetadataTooLong = fault.New(fault.Invalid, "metadata is longer than 4096 bytes")
)

// cleanNames validates and normalizes the names of a room and of a person. It refuses the names of test rooms.
func cleanNames(room, person string) (string, string, error) {
	room, err := name.Room(room)
	if err == nil && IsTestRoom(room) {
		err = ErrRoomReserved
	}
	if err != nil {
		return "", "", err
	}
	person, err = name.Person(person)
	return room, person, err
}

// checkMetadata returns an error if metadata is too long or is not valid UTF-8.
func checkMetadata(s string) error {
	switch {
	case len(s) > maxMetadataBytes:
		return ErrMetadataTooLong
	case !utf8.ValidString(s):
		return ErrMetadataInvalid
	}
	return nil
}
