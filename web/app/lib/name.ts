// How rooms and people are called, so that two names that look alike are one: the rule of internal/name, which says why.

/** What makes a name unfit to be shown: controls, what turns the direction of the text around it, and what is no character. */
export const unshowable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Co}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069\ufff9-\ufffd]/u;

// What draws nothing by itself, and what is blank by design: in Braille, a null notehead, a Khitan filler.
const ignorable = /[\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\u{16fe4}]/u;
const selector = /\p{Variation_Selector}/u;
const maxMarks = 5;

/** shownName is what can be seen of a name, in the form of all names. It may be empty. */
export function shownName(text: string): string {
  if (/^[!-~]+(?: [!-~]+)*$/.test(text)) return text; // most of the time
  let name = text.normalize("NFC");
  for (;;) {
    const next = see(name).normalize("NFC");
    if (next === name) return name;
    name = next;
  }
}

function see(name: string): string {
  const characters = Array.from(name);
  const seen: string[] = [];
  let base = " "; // the last that is no mark, joiner or selector
  let marks = 0;
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    if (/\p{White_Space}/u.test(character)) {
      if (base !== " ") seen.push(" ");
      base = " ";
    } else if (unshowable.test(character)) {
      continue;
    } else if (ignorable.test(character)) {
      if (shapes(character, seen[seen.length - 1] ?? "", base, characters[i + 1] ?? "")) seen.push(character);
    } else if (/[\p{Mn}\p{Me}]/u.test(character)) {
      if (++marks <= maxMarks && base !== " ") seen.push(character);
    } else if (/\p{Mc}/u.test(character)) {
      if (base !== " ") seen.push(character);
    } else {
      seen.push(character);
      base = character;
      marks = 0;
      const tags = tagsOfFlag(characters.slice(i, i + 9).join(""));
      seen.push(...tags);
      i += tags.length;
    }
  }
  return seen.join("").replace(/ $/, "");
}

/** shapes tells whether something that draws nothing changes how the characters around it look. */
function shapes(character: string, last: string, base: string, next: string): boolean {
  switch (true) {
    case character === "\u2800":
      return isBraille(base) && isBraille(next);
    case character === "\u200c" || character === "\u200d": // ZWNJ and ZWJ
      if (last === "" || (ignorable.test(last) && !selector.test(last))) return false;
      return joined(base, next) || (character === "\u200d" && ((isPictograph(base) && isPictograph(next)) || viramas.includes(last)));
    case /[\u180b-\u180f]/u.test(character):
      return /\p{Script=Mongolian}/u.test(last);
    case character === "\ufe0e" || character === "\ufe0f": // text and emoji style
      return isPictograph(last) || /[©®‼⁉™ℹ〰]/u.test(last) || (next === "\u20e3" && /[0-9#*]/.test(last));
    case /[\u{e0100}-\u{e01ef}]/u.test(character): // variants of ideographs
      return /\p{Script=Han}/u.test(last);
  }
  return false;
}

const isBraille = (character: string) => /[\u2801-\u28ff]/u.test(character);
const isPictograph = (character: string) => character >= "\u2190" && /\p{S}/u.test(character);

const viramas = ["\u094d", "\u09cd", "\u0a4d", "\u0acd", "\u0b4d", "\u0bcd", "\u0c4d", "\u0ccd", "\u0d4d", "\u0dca"];

const joining = [
  ...["Adlam", "Arabic", "Bengali", "Devanagari", "Gujarati", "Gurmukhi", "Kannada", "Khmer", "Malayalam", "Mongolian", "Myanmar"],
  ...["Nko", "Oriya", "Sinhala", "Syriac", "Tamil", "Telugu", "Tibetan"],
].map((script) => new RegExp(`^\\p{Script=${script}}{2}$`, "u"));

/** joined tells whether both characters are of one script that joins its letters. */
const joined = (a: string, b: string) => joining.some((script) => script.test(a + b));

/** The tags that make a flag that of a part of a country, such as England's. */
function tagsOfFlag(text: string): string[] {
  const flag = /^\u{1f3f4}([\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f})/u.exec(text);
  return Array.from(flag?.[1] ?? "");
}
