package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many marks one letter may carry above and below. Hebrew with vowels and accents has five; more only
// cover the lines around.
const maxMarks = 5

// Shown returns what can be seen of s, in the form of all names. It may be empty.
func Shown(s string) string {
	s = norm.NFC.String(s)
	for { // what is left may compose, and change what its neighbours are to each other
		next := norm.NFC.String(see(s))
		if next == s {
			return s
		}
		s = next
	}
}

// see leaves out what cannot be seen, and what is too much.
func see(s string) string {
	var (
		in    = []rune(s)
		out   = make([]rune, 0, len(in))
		base  = ' ' // the last of out that is no mark, joiner or selector
		marks int   // on base
	)
	for i := 0; i < len(in); i++ {
		next := rune(0)
		if i+1 < len(in) {
			next = in[i+1]
		}
		switch r := in[i]; {
		case unicode.IsSpace(r):
			if base != ' ' {
				out, base, marks = append(out, ' '), ' ', 0
			}
		case unshowable(r):
		case ignorable(r):
			if shapes(r, out, base, next) {
				out = append(out, r)
			}
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; base != ' ' && marks <= maxMarks {
				out = append(out, r)
			}
		case unicode.Is(unicode.Mc, r):
			if base != ' ' {
				out = append(out, r)
			}
		default:
			flag := flagLength(in[i:])
			out = append(out, in[i:i+flag]...)
			i += flag - 1
			base, marks = r, 0
		}
	}
	return strings.TrimSuffix(string(out), " ")
}

// ignorable reports whether a character draws nothing by itself: Default_Ignorable_Code_Point of UAX #44, and those
// that are blank by design.
func ignorable(r rune) bool {
	switch {
	case r == 0x2800, r == 0x1d159, r == 0x16fe4: // blank in Braille, null notehead, Khitan filler
		return true
	case r >= 0x13430 && r <= 0x1343f: // hieroglyph controls, which fonts draw
		return false
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// shapes reports whether the ignorable r changes how the characters around it look.
func shapes(r rune, out []rune, base, next rune) bool {
	if len(out) == 0 {
		return false
	}
	last := out[len(out)-1]
	switch {
	case r == 0x2800:
		return braille(base) && braille(next)
	case r == 0x200c, r == 0x200d: // ZWNJ and ZWJ
		if ignorable(last) && !unicode.Is(unicode.Variation_Selector, last) {
			return false
		}
		return joined(base, next) || r == 0x200d && (pictograph(base) && pictograph(next) || strings.ContainsRune(viramas, last))
	case r >= 0x180b && r <= 0x180f: // selectors and the vowel separator of Mongolian
		return unicode.Is(unicode.Mongolian, last)
	case r == 0xfe0e, r == 0xfe0f: // text and emoji style
		return takesStyle(last) || next == 0x20e3 && strings.ContainsRune("0123456789#*", last)
	case r >= 0xe0100 && r <= 0xe01ef: // variants of ideographs (UTS #37), as Japanese names have them
		return unicode.Is(unicode.Han, last)
	}
	return false
}

func braille(r rune) bool { return r > 0x2800 && r <= 0x28ff }

// pictograph reports whether emoji are made of a character, skin tones included (UTS #51).
func pictograph(r rune) bool { return r >= 0x2190 && unicode.Is(unicode.S, r) }

// takesStyle reports whether a character comes in a text and an emoji style (emoji-variation-sequences.txt of UTS #51).
func takesStyle(r rune) bool { return pictograph(r) || strings.ContainsRune("©®‼⁉™ℹ〰", r) }

// viramas are the marks that join a consonant to the next; with ZWJ they do so at the end of a word too, as chillu letters
// of Malayalam (The Unicode Standard, section 12.1).
const viramas = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"

// joining are the scripts in which joiners choose the shape of letters (The Unicode Standard, section 23.2).
var joining = []*unicode.RangeTable{
	unicode.Adlam, unicode.Arabic, unicode.Bengali, unicode.Devanagari, unicode.Gujarati, unicode.Gurmukhi, unicode.Kannada,
	unicode.Khmer, unicode.Malayalam, unicode.Mongolian, unicode.Myanmar, unicode.Nko, unicode.Oriya, unicode.Sinhala,
	unicode.Syriac, unicode.Tamil, unicode.Telugu, unicode.Tibetan,
}

// joined reports whether both characters are of one script that joins its letters.
func joined(a, b rune) bool {
	for _, script := range joining {
		if unicode.Is(script, a) {
			return unicode.Is(script, b)
		}
	}
	return false
}

// flagLength is the number of runes at the beginning of s that are one character: 1, or more for a flag of a part of a
// country, such as England's (ED-14a of UTS #51).
func flagLength(s []rune) int {
	const flag, end = 0x1f3f4, 0xe007f
	if s[0] != flag {
		return 1
	}
	for i, r := range s[1:] {
		switch {
		case r == end && i >= 3 && i <= 6:
			return i + 2
		case r < 0xe0030 || r > 0xe0039 && r < 0xe0061 || r > 0xe007a:
			return 1
		}
	}
	return 1
}
