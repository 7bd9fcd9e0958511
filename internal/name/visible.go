package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many marks one letter may carry above and below. Hebrew with vowels and accents has five; more only
// cover the lines around.
const maxMarks = 5

// Visible returns what can be seen of s, in the form of all names. It may be empty.
func Visible(s string) string {
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
		return r == 0x200c && separates(last, base, next) || r == 0x200d && joins(last, base, next)
	case r >= 0x180b && r <= 0x180f: // selectors and the vowel separator of Mongolian
		return unicode.Is(unicode.Mongolian, last)
	case r == 0xfe0f: // emoji style
		return strings.ContainsRune(textStyle, last) || next == 0x20e3 && strings.ContainsRune("0123456789#*", last)
	case r >= 0xe0100 && r <= 0xe01ef: // variants of ideographs (UTS #37), as Japanese names have them
		return unicode.Is(unicode.Han, last)
	}
	return false
}

func braille(r rune) bool { return r > 0x2800 && r <= 0x28ff }

// separates reports whether ZWNJ changes how its neighbours look: it parts a virama from a letter, or two letters that
// would join (RFC 5892, appendix A.1).
func separates(last, base, next rune) bool {
	if !unicode.IsLetter(base) || !unicode.IsLetter(next) {
		return false
	}
	return virama(last, base) && block(next) == block(base) || cursive(base, next)
}

// joins reports whether ZWJ changes how its neighbours look: it makes one emoji of two (UTS #51), shapes what follows a
// virama (RFC 5892, appendix A.2), or keeps ra in its full form before one (The Unicode Standard, chapter 12).
func joins(last, base, next rune) bool {
	return pictograph(base) && pictograph(next) || virama(last, base) || strings.ContainsRune("\u09b0\u0cb0", last) && virama(next, base)
}

// virama reports whether r joins the letter base to the next.
func virama(r, base rune) bool {
	const viramas = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
	return strings.ContainsRune(viramas, r) && block(r) == block(base)
}

// block tells the scripts of India apart, each of which has 128 code points.
func block(r rune) rune { return r >> 7 }

// cursive reports whether two letters are of one script that joins its letters, and the first may join to the second.
func cursive(a, b rune) bool {
	if unicode.Is(endsJoin, a) || strings.ContainsRune("\u0621\u0674", b) {
		return false
	}
	for _, script := range []*unicode.RangeTable{unicode.Adlam, unicode.Arabic, unicode.Mongolian, unicode.Nko, unicode.Syriac} {
		if unicode.Is(script, a) {
			return unicode.Is(script, b)
		}
	}
	return false
}

// endsJoin are the letters of the Arabic block that never join to the next: Joining_Type R and U of ArabicShaping.txt.
var endsJoin = &unicode.RangeTable{R16: []unicode.Range16{
	{0x621, 0x625, 1},
	{0x627, 0x629, 2},
	{0x62f, 0x632, 1},
	{0x648, 0x648, 1},
	{0x671, 0x677, 1},
	{0x688, 0x699, 1},
	{0x6c0, 0x6c0, 1},
	{0x6c3, 0x6cb, 1},
	{0x6cd, 0x6cf, 2},
	{0x6d2, 0x6d3, 1},
	{0x6d5, 0x6d5, 1},
	{0x6e5, 0x6e6, 1},
	{0x6ee, 0x6ef, 1},
}}

// textStyle are the emoji that are text unless U+FE0F follows: Emoji without Emoji_Presentation in emoji-data.txt of
// UTS #51, version 17, digits apart.
const textStyle = "©®‼⁉™ℹ↔↕↖↗↘↙↩↪⌨⏏⏭⏮⏯⏱⏲⏸⏹⏺Ⓜ▪▫▶◀◻◼☀☁☂☃☄☎☑☘☝☠☢☣☦☪☮☯☸☹☺♀♂♟♠♣♥♦♨♻♾⚒⚔⚕⚖⚗⚙⚛⚜⚠⚧" +
	"⚰⚱⛈⛏⛑⛓⛩⛰⛱⛴⛷⛸⛹✂✈✉✌✍✏✒✔✖✝✡✳✴❄❇❣❤➡⤴⤵⬅⬆⬇〰〽㊗㊙🅰🅱🅾🅿🈂🈷🌡🌤🌥🌦🌧🌨🌩🌪🌫🌬🌶🍽🎖🎗🎙🎚🎛🎞🎟🏋🏌🏍🏎🏔" +
	"🏕🏖🏗🏘🏙🏚🏛🏜🏝🏞🏟🏳🏵🏷🐿👁📽🕉🕊🕯🕰🕳🕴🕵🕶🕷🕸🕹🖇🖊🖋🖌🖍🖐🖥🖨🖱🖲🖼🗂🗃🗄🗑🗒🗓🗜🗝🗞🗡🗣🗨🗯🗳🗺🛋🛍🛎🛏🛠🛡🛢🛣🛤🛥🛩🛰🛳"

// pictograph reports whether ZWJ may make an emoji of a character and another (emoji-zwj-sequences.txt of UTS #51): it is
// in a block of emoji, skin tones included, or one of the older symbols.
func pictograph(r rune) bool {
	switch {
	case r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f680 && r <= 0x1f6ff, r >= 0x1f900 && r <= 0x1f9ff, r >= 0x1fa70 && r <= 0x1faff:
		return true
	}
	return r == '⬛' || strings.ContainsRune(textStyle, r)
}

// flagLength is the number of runes at the beginning of s that are one character: 1, or more for the flags of England,
// Scotland and Wales, the only ones that UTS #51 spells with tags.
func flagLength(s []rune) int {
	const flag, tag, length = 0x1f3f4, 0xe0000, 7
	if s[0] != flag || len(s) < length {
		return 1
	}
	var tags strings.Builder
	for _, r := range s[1:length] {
		tags.WriteRune(r - tag)
	}
	switch tags.String() {
	case "gbeng\x7f", "gbsct\x7f", "gbwls\x7f":
		return length
	}
	return 1
}
