// Initials and colour for people without video.

/** The number of --person-… colours in tokens.css. */
export const personColours = 8;

/**
 * initials returns the first letters of the first and the last word of a name, in any script, or "?" for a name without
 * letters.
 */
export function initials(name: string): string {
  const words = name.trim().split(/[\s_.-]+/u).map(firstLetter).filter((letter) => letter !== "");
  const first = words[0] ?? "?";
  const last = words.length > 1 ? (words[words.length - 1] ?? "") : "";
  return first + last;
}

/** personColour returns the colour index of a name, from 0 to personColours - 1. A name always has the same colour. */
export function personColour(name: string): number {
  // FNV-1a hash: names that differ in one letter usually get different colours.
  let hash = 0x811c9dc5;
  for (const letter of name.trim().toLowerCase()) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0) % personColours;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

// Returns a grapheme, which may be several code points: a flag, or a letter with an accent.
function firstLetter(word: string): string {
  for (const { segment } of graphemes.segment(word)) {
    if (/[\p{L}\p{N}\p{Emoji_Presentation}]/u.test(segment)) return segment.toLocaleUpperCase();
  }
  return "";
}
