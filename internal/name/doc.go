// Package name normalizes the names of rooms and people, so that names that differ only in what cannot be seen are equal.
//
// Names are in Unicode's normalization form C (UAX #15), with single spaces, and without characters that are not seen.
// Joiners, variation selectors and tags stay where they change how their neighbours look: joiners by the rules of
// RFC 5892 (appendix A) and between emoji, U+FE0F on emoji that are text without it, tags in the three flags of UTS #51.
// web/app/lib/name.ts is the same rule for what browsers type and show, and testdata/names.json the examples that both
// are tested with.
//
// Some names stay apart though fonts may draw them alike. A joiner stays between any two emoji, since fonts decide which
// they draw as one, and after any virama. U+FE0F stays on emoji that are text by default, other selectors on any ideograph
// and Mongolian letter. For ZWNJ all letters of Syriac and of the supplements of Arabic count as joining: neither x/text
// nor JavaScript tells the joining type of a letter, and only the common Arabic letters are listed here.
// Letters that only resemble others, such as Cyrillic ones (UTS #39), are different letters.
//
// Room names are changed to this form wherever one comes in: in pages ([Room]), in access tokens and in requests of the
// server APIs ([Lookup]). Rooms refuse to be made under any other. Identities stay byte by byte what back ends chose,
// since clients address each other by them.
package name
