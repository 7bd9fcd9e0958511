// Package name normalizes the names of rooms and people, so that names that look the same are equal.
//
// Names are in Unicode's normalization form C (UAX #15), with single spaces and without invisible characters. Joiners,
// variation selectors and tags are kept where they change the appearance of their neighbours:
//
//   - Joiners are kept between emoji, and by the rules of RFC 5892 (appendix A).
//   - U+FE0F is kept after emoji that are drawn as text without it.
//   - Tags are kept in the three flags of UTS #51.
//
// web/app/lib/name.ts implements these rules for the browser. Both implementations are tested with the examples in
// testdata/names.json.
//
// Some names remain different although fonts may draw them alike:
//
//   - A joiner is kept after any virama. It is also kept between any two emoji, since fonts decide which pairs they
//     draw as one.
//   - Other selectors than U+FE0F are kept after any ideograph and any Mongolian letter.
//   - A ZWNJ is kept after any letter of Syriac, or of the supplements of Arabic, if the next letter belongs to the same
//     script. Neither x/text nor JavaScript provides the joining type of a letter, and this package lists only the
//     common Arabic letters.
//   - Letters that only resemble others, such as Cyrillic ones (UTS #39), are different letters.
//
// Room names are normalized wherever they enter the server: in pages by [Room], in access tokens and in requests to the
// server APIs by [Lookup]. No room can be created under a name that is not normalized. Identities are not changed,
// because clients address each other by them.
package name
