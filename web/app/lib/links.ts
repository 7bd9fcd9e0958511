// Finds the web addresses in a message, so that they can be drawn as links.

export interface TextPart {
  text: string;
  /** The address to open, when the part is a link; always http or https. */
  href?: string;
}

const address = /\bhttps?:\/\/[^\s<>"']+/giu;

/** splitLinks cuts a message into text and links; joined together the parts are the message. */
export function splitLinks(message: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of message.matchAll(address)) {
    const text = withoutTrailing(match[0]);
    if (!URL.canParse(text)) continue;
    if (match.index > end) parts.push({ text: message.slice(end, match.index) });
    parts.push({ text, href: new URL(text).href });
    end = match.index + text.length;
  }
  if (end < message.length) parts.push({ text: message.slice(end) });
  return parts;
}

// Punctuation that ends a sentence is not part of the address, nor is a
// bracket that was opened before it.
function withoutTrailing(text: string): string {
  let cut = text.replace(/[.,;:!?…]+$/u, "");
  while (cut.endsWith(")") && count(cut, ")") > count(cut, "(")) {
    cut = cut.slice(0, -1).replace(/[.,;:!?…]+$/u, "");
  }
  return cut;
}

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}
