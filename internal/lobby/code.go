package lobby

import (
	"crypto/rand"
	"net/url"
	"strings"

	"meet/internal/fault"
	"meet/internal/name"
)

// What can be wrong with what somebody types into the lobby's one field.
var (
	ErrCodeMissing = fault.New(fault.Invalid, "Type a meeting code, or paste a link.")
	ErrLinkInvalid = fault.New(fault.Invalid, "That link does not lead to a meeting.")
	ErrCodeInvalid = fault.New(fault.Invalid, "That is not a meeting code: it is too long or has characters that cannot be shown.")
)

// codeLetters is the length of a code without its hyphens: 26^10 codes are 47 bits.
const codeLetters = 10

// NewCode returns a fresh room name such as abc-defg-hij that nobody can guess.
func NewCode() string {
	letters := make([]byte, 0, codeLetters)
	var random [codeLetters]byte
	for len(letters) < codeLetters {
		_, _ = rand.Read(random[:]) // never fails: it ends the process rather than return an error
		for _, b := range random {
			// 234 is the largest multiple of 26 in a byte: beyond it the first letters would come more often.
			if b < 234 && len(letters) < codeLetters {
				letters = append(letters, 'a'+b%26)
			}
		}
	}
	return hyphenate(string(letters))
}

func hyphenate(letters string) string { return letters[:3] + "-" + letters[3:7] + "-" + letters[7:] }

// FindRoom returns the name of the room that somebody means who types a code in any spelling, pastes a link to a
// room, or names a room otherwise.
func (l *Lobby) FindRoom(input string) (string, error) {
	input = strings.TrimSpace(input)
	if input == "" {
		return "", ErrCodeMissing
	}
	room, isLink, err := fromLink(input)
	if err != nil {
		return "", err
	}
	if !isLink {
		if room = name.Lookup(input); !l.isLive(room) {
			room = fromCode(room)
		}
	}
	if room, err = name.Room(room); err != nil {
		return "", ErrCodeInvalid
	}
	return room, nil
}

// fromLink takes the room out of a link to it, with or without the scheme in front.
func fromLink(input string) (room string, isLink bool, err error) {
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

// fromCode gives a code its hyphens back when ten letters are there, and leaves any other name alone.
func fromCode(room string) string {
	letters := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(room))
	if len(letters) != codeLetters || strings.ContainsFunc(letters, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return room
	}
	return hyphenate(letters)
}
