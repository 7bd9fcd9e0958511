package lobby

import (
	"crypto/rand"
	"net/url"
	"strings"

	"meet/internal/fault"
	"meet/internal/name"
)

// Errors of FindRoom, about the text that a visitor types into the lobby's field.
var (
	ErrCodeMissing = fault.New(fault.Invalid, "Type a meeting code, or paste a link.")
	ErrLinkInvalid = fault.New(fault.Invalid, "That link does not lead to a meeting.")
	ErrCodeInvalid = fault.New(fault.Invalid, "That is not a meeting code: it is too long or has characters that cannot be shown.")
)

// codeLetters is the number of letters in a meeting code, without its hyphens. 26^10 codes are 47 bits.
const codeLetters = 10

// NewCode returns a random room name such as abc-defg-hij, which nobody can guess.
func NewCode() string {
	letters := make([]byte, 0, codeLetters)
	var random [codeLetters]byte
	for len(letters) < codeLetters {
		_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead of returning an error
		for _, b := range random {
			// 234 is the largest multiple of 26 in a byte. Larger values would make the first letters more frequent.
			if b < 234 && len(letters) < codeLetters {
				letters = append(letters, 'a'+b%26)
			}
		}
	}
	return hyphenate(string(letters))
}

// hyphenate inserts the hyphens of a meeting code into ten letters.
func hyphenate(letters string) string { return letters[:3] + "-" + letters[3:7] + "-" + letters[7:] }

// FindRoom returns the name of the room that a visitor's input stands for. The input is a meeting code in any spelling,
// a link to a room, or the name of a room.
func (l *Lobby) FindRoom(input string) (string, error) {
	input = strings.TrimSpace(input)
	if input == "" {
		return "", ErrCodeMissing
	}
	room, isLink, err := roomFromLink(input)
	if err != nil {
		return "", err
	}
	if !isLink {
		if room = name.Lookup(input); !l.isLive(room) {
			room = addHyphens(room)
		}
	}
	if room, err = name.Room(room); err != nil {
		return "", ErrCodeInvalid
	}
	return room, nil
}

// roomFromLink extracts the room's name from a link, with or without a scheme. isLink is false if the input is not a
// link.
func roomFromLink(input string) (room string, isLink bool, err error) {
	const path = "/rooms/"
	head, tail, found := strings.Cut(input, path)
	if strings.ContainsAny(head, "?#") {
		found = false
	}
	if !found {
		if strings.Contains(input, "://") {
			return "", false, ErrLinkInvalid
		}
		return "", false, nil
	}
	if end := strings.IndexAny(tail, "/?#"); end >= 0 {
		tail = tail[:end]
	}
	room, err = url.PathUnescape(tail)
	if err != nil || strings.TrimSpace(room) == "" {
		return "", false, ErrLinkInvalid
	}
	return room, true, nil
}

// addHyphens returns the input as a meeting code in its usual spelling if the input consists of exactly ten letters,
// apart from hyphens and spaces. It returns any other input unchanged.
func addHyphens(room string) string {
	letters := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(room))
	if len(letters) != codeLetters || strings.ContainsFunc(letters, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return room
	}
	return hyphenate(letters)
}
