package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is the largest number of combining marks that a letter may have. Hebrew with vowels and accents needs five;
// more marks would only cover neighbouring lines.
const maxMarks = 5

// Visible returns s in normalized form without invisible characters. The result may be empty.
func Visible(s string) string {
	s = norm.NFC.String(s)
	for { // removing characters can make others compose or become invisible
		next := norm.NFC.String(removeInvisible(s))
		if next == s {
			return s
		}
		s = next
	}
}

// removeInvisible does one pass: it removes invisible characters, surplus spaces and surplus combining marks.
func removeInvisible(s string) string {
	var (
		in    = []rune(s)
		out   = make([]rune, 0, len(in))
		base  = ' ' // last character of out that is not a mark, joiner or selector
		marks int   // number of marks after base
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
		case isForbidden(r):
		case isIgnorable(r):
			if changesNeighbours(r, out, base, next) {
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

// isIgnorable reports whether a character has no glyph of its own: Default_Ignorable_Code_Point of UAX #44, and
// characters that are blank by design.
func isIgnorable(r rune) bool {
	switch {
	case r == 0x2800, r == 0x1d159, r == 0x16fe4: // blank in Braille, null notehead, Khitan filler
		return true
	case r >= 0x13430 && r <= 0x1343f: // hieroglyph format controls affect rendering
		return false
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// changesNeighbours reports whether the ignorable character r changes the appearance of the characters around it. The
// characters that precede r are in before, and next follows r. base is the last character in before that is not a mark,
// joiner or selector.
func changesNeighbours(r rune, before []rune, base, next rune) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1]
	switch {
	case r == 0x2800:
		return isBraille(base) && isBraille(next)
	case r == 0x200c, r == 0x200d: // ZWNJ and ZWJ
		if isIgnorable(last) && !unicode.Is(unicode.Variation_Selector, last) {
			return false
		}
		return r == 0x200c && nonJoinerMatters(last, base, next) || r == 0x200d && joinerMatters(last, base, next)
	case r >= 0x180b && r <= 0x180f: // selectors and the vowel separator of Mongolian
		return unicode.Is(unicode.Mongolian, last)
	case r == 0xfe0f: // emoji style
		return strings.ContainsRune(textStyleEmoji, last) || next == 0x20e3 && strings.ContainsRune("0123456789#*", last)
	case r >= 0xe0100 && r <= 0xe01ef: // variation selectors for ideographs (UTS #37), used in Japanese names
		return unicode.Is(unicode.Han, last)
	}
	return false
}

// isBraille reports whether r is a Braille pattern with at least one dot.
func isBraille(r rune) bool { return r > 0x2800 && r <= 0x28ff }

// nonJoinerMatters reports whether a ZWNJ between the characters last and next changes their appearance. It does if it
// separates a virama from a letter, or two letters that would join (RFC 5892, appendix A.1). base is as in
// changesNeighbours.
func nonJoinerMatters(last, base, next rune) bool {
	if !unicode.IsLetter(base) || !unicode.IsLetter(next) {
		return false
	}
	return isVirama(last, base) && blockOf(next) == blockOf(base) || canJoin(base, next)
}

// joinerMatters reports whether a ZWJ between the characters last and next changes their appearance. It does if it
// combines two emoji into one (UTS #51), shapes the letter after a virama (RFC 5892, appendix A.2), or keeps the full
// form of ra before a virama (The Unicode Standard, chapter 12). base is as in changesNeighbours.
func joinerMatters(last, base, next rune) bool {
	return isPictograph(base) && isPictograph(next) || isVirama(last, base) || strings.ContainsRune("\u09b0\u0cb0", last) && isVirama(next, base)
}

// isVirama reports whether r is the virama of the script of base. A virama joins a letter to the next one.
func isVirama(r, base rune) bool {
	const viramas = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
	return strings.ContainsRune(viramas, r) && blockOf(r) == blockOf(base)
}

// blockOf identifies the Unicode block of a letter of an Indic script. Each of these blocks has 128 code points.
func blockOf(r rune) rune { return r >> 7 }

// canJoin reports whether two letters belong to one cursive script, and the first can join to the second.
func canJoin(a, b rune) bool {
	if unicode.Is(nonJoiningToNext, a) || strings.ContainsRune("\u0621\u0674", b) {
		return false
	}
	for _, script := range []*unicode.RangeTable{unicode.Adlam, unicode.Arabic, unicode.Mongolian, unicode.Nko, unicode.Syriac} {
		if unicode.Is(script, a) {
			return unicode.Is(script, b)
		}
	}
	return false
}

// nonJoiningToNext contains the letters of the Arabic block that never join to the next letter: Joining_Type R and U in
// ArabicShaping.txt.
var nonJoiningToNext = &unicode.RangeTable{R16: []unicode.Range16{
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

// textStyleEmoji contains the emoji that are drawn as text unless U+FE0F follows: Emoji without Emoji_Presentation in
// emoji-data.txt of UTS #51, version 17, except digits.
const textStyleEmoji = "©®‼⁉™ℹ↔↕↖↗↘↙↩↪⌨⏏⏭⏮⏯⏱⏲⏸⏹⏺Ⓜ▪▫▶◀◻◼☀☁☂☃☄☎☑☘☝☠☢☣☦☪☮☯☸☹☺♀♂♟♠♣♥♦♨♻♾⚒⚔⚕⚖⚗⚙⚛⚜⚠⚧" +
	"⚰⚱⛈⛏⛑⛓⛩⛰⛱⛴⛷⛸⛹✂✈✉✌✍✏✒✔✖✝✡✳✴❄❇❣❤➡⤴⤵⬅⬆⬇〰〽㊗㊙🅰🅱🅾🅿🈂🈷🌡🌤🌥🌦🌧🌨🌩🌪🌫🌬🌶🍽🎖🎗🎙🎚🎛🎞🎟🏋🏌🏍🏎🏔" +
	"🏕🏖🏗🏘🏙🏚🏛🏜🏝🏞🏟🏳🏵🏷🐿👁📽🕉🕊🕯🕰🕳🕴🕵🕶🕷🕸🕹🖇🖊🖋🖌🖍🖐🖥🖨🖱🖲🖼🗂🗃🗄🗑🗒🗓🗜🗝🗞🗡🗣🗨🗯🗳🗺🛋🛍🛎🛏🛠🛡🛢🛣🛤🛥🛩🛰🛳"

// isPictograph reports whether a ZWJ can combine this character with another one into an emoji (emoji-zwj-sequences.txt
// of UTS #51). Such a character is in one of the blocks for emoji, which also contain skin tone modifiers, or is one of the
// symbols in textStyleEmoji.
func isPictograph(r rune) bool {
	switch {
	case r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f680 && r <= 0x1f6ff, r >= 0x1f900 && r <= 0x1f9ff, r >= 0x1fa70 && r <= 0x1faff:
		return true
	}
	return r == '⬛' || strings.ContainsRune(textStyleEmoji, r)
}

// flagLength returns the number of runes at the beginning of s that form one character: 7 for the flags of England,
// Scotland and Wales, the only ones that UTS #51 spells with tags, otherwise 1.
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
