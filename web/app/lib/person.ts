// How a person without a picture is shown: two letters on a colour that stays theirs.

/** The number of --person-… colours in tokens.css. */
export const personColours = 8;

/** initials are the first letters of the first and last word of a name, in any script. */
export function initials(name: string): string {
  const words = name.trim().split(/[\s_.-]+/u).map(firstLetter).filter((letter) => letter !== "");
  const first = words[0] ?? "?";
  const last = words.length > 1 ? (words[words.length - 1] ?? "") : "";
  return first + last;
}

/** personColour is the index of the colour that belongs to a name. */
export function personColour(name: string): number {
  // FNV-1a: short, and it spreads names that differ in one letter.
  let hash = 0x811c9dc5;
  for (const letter of name.trim().toLowerCase()) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0) % personColours;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

// A letter may be several code points: a flag, an accent, a family.
function firstLetter(word: string): string {
  for (const { segment } of graphemes.segment(word)) {
    if (/[\p{L}\p{N}\p{Emoji_Presentation}]/u.test(segment)) return segment.toLocaleUpperCase();
  }
  return "";
}
