package lobby

import (
	"unicode/utf8"

	"meet/internal/fault"
	"meet/internal/name"
)

// maxMetadataBytes bounds what a token carries, since proxies refuse long URLs.
const maxMetadataBytes = 4096

// What can be wrong with metadata.
var (
	ErrMetadataInvalid = fault.New(fault.Invalid, "metadata is not text")
	ErrMetadataTooLong = fault.New(fault.Invalid, "metadata is longer than 4096 bytes")
)

// names returns the names of a room and of a person in it as they are used.
func names(room, person string) (string, string, error) {
	room, err := name.Room(room)
	if err != nil {
		return "", "", err
	}
	person, err = name.Person(person)
	return room, person, err
}

func checkMetadata(s string) error {
	switch {
	case len(s) > maxMetadataBytes:
		return ErrMetadataTooLong
	case !utf8.ValidString(s):
		return ErrMetadataInvalid
	}
	return nil
}
