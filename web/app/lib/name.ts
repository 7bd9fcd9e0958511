// Normalizes names of rooms and people by the same rule as internal/name, whose doc.go gives the reasons.

/**
 * undisplayable matches characters that must not be in a name: control, bidirectional formatting and private-use
 * characters, line and paragraph separators, lone surrogates, noncharacters, and U+FFF9 to U+FFFD.
 */
export const undisplayable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Co}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069\ufff9-\ufffd]/u;

// Characters without a visible shape: default ignorable ones, the blank Braille pattern, a null notehead and a Khitan
// filler.
const ignorable = /[\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\u{16fe4}]/u;
const selector = /\p{Variation_Selector}/u;
const maxMarks = 5;

/** normalizeName returns the visible part of a name in normalized form (NFC). It may be empty. */
export function normalizeName(text: string): string {
  if (/^[!-~]+(?: [!-~]+)*$/.test(text)) return text; // the common case
  let name = text.normalize("NFC");
  for (;;) {
    const next = normalizeOnce(name).normalize("NFC");
    if (next === name) return name;
    name = next;
  }
}

function normalizeOnce(name: string): string {
  const characters = Array.from(name);
  const seen: string[] = [];
  let base = " "; // the last character that is no mark, joiner or variation selector
  let marks = 0;
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    if (/\p{White_Space}/u.test(character)) {
      if (base !== " ") seen.push(" ");
      base = " ";
    } else if (undisplayable.test(character)) {
      continue;
    } else if (ignorable.test(character)) {
      if (changesNeighbours(character, seen[seen.length - 1] ?? "", base, characters[i + 1] ?? "")) seen.push(character);
    } else if (/[\p{Mn}\p{Me}]/u.test(character)) {
      if (++marks <= maxMarks && base !== " ") seen.push(character);
    } else if (/\p{Mc}/u.test(character)) {
      if (base !== " ") seen.push(character);
    } else {
      seen.push(character);
      base = character;
      marks = 0;
      const tags = flag.exec(characters.slice(i, i + 7).join(""))?.[1];
      if (tags) {
        seen.push(tags);
        i += 6;
      }
    }
  }
  return seen.join("").replace(/ $/, "");
}

/** changesNeighbours reports whether an invisible character changes how the characters around it look. */
function changesNeighbours(character: string, last: string, base: string, next: string): boolean {
  switch (true) {
    case character === "\u2800":
      return isBraille(base) && isBraille(next);
    case character === "\u200c" || character === "\u200d": // zero width non-joiner (ZWNJ) and joiner (ZWJ)
      if (last === "" || (ignorable.test(last) && !selector.test(last))) return false;
      return character === "\u200c" ? separates(last, base, next) : joins(last, base, next);
    case /[\u180b-\u180f]/u.test(character):
      return /\p{Script=Mongolian}/u.test(last);
    case character === "\ufe0f": // selects the emoji style of the character before it
      return textStyle.test(last) || (next === "\u20e3" && /[0-9#*]/.test(last));
    case /[\u{e0100}-\u{e01ef}]/u.test(character): // select a variant of the ideograph before them
      return /\p{Script=Han}/u.test(last);
  }
  return false;
}

const isBraille = (character: string) => /[\u2801-\u28ff]/u.test(character);

/** separates reports whether ZWNJ between two characters changes how they look. */
function separates(last: string, base: string, next: string): boolean {
  if (!/^\p{L}{2}$/u.test(base + next)) return false;
  return (isVirama(last, base) && block(next) === block(base)) || isCursive(base, next);
}

/** joins reports whether ZWJ between two characters changes how they look. */
const joins = (last: string, base: string, next: string) =>
  (isPictograph(base) && isPictograph(next)) || isVirama(last, base) || (/[\u09b0\u0cb0]/.test(last) && isVirama(next, base));

const viramas = /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]/;
const isVirama = (character: string, base: string) => viramas.test(character) && block(character) === block(base);
const block = (character: string) => (character.codePointAt(0) ?? 0) >> 7;

// Arabic letters that never join to the following letter.
const endsJoin = /[\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf\u06d2\u06d3\u06d5\u06e5\u06e6\u06ee\u06ef]/;
const cursive = ["Adlam", "Arabic", "Mongolian", "Nko", "Syriac"].map((script) => new RegExp(`^\\p{Script=${script}}{2}$`, "u"));
const isCursive = (a: string, b: string) => !endsJoin.test(a) && !/[\u0621\u0674]/.test(b) && cursive.some((script) => script.test(a + b));

// Emoji that are shown as text unless U+FE0F follows, and characters that ZWJ can combine to an emoji.
const textStyle = /(?![0-9#*]|\p{Emoji_Presentation})\p{Emoji}/u;
const blocks = /[\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{1fa70}-\u{1faff}\u2b1b]/u;
const isPictograph = (character: string) => blocks.test(character) || textStyle.test(character);

// The flags of England, Scotland and Wales. The first group is their tag characters.
const flag = /^\u{1f3f4}(\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f})/u;
