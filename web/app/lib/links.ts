/** TextPart is a piece of a message: plain text or a link. */
export interface TextPart {
  text: string;
  /** The URL of a link, always with http or https. Plain text has none. */
  href?: string;
}

const address = /\bhttps?:\/\/[^\s<>"']+/giu;

/** splitLinks splits a message into plain text and links. The texts of all parts, joined, are the message. */
export function splitLinks(message: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of message.matchAll(address)) {
    const text = trimPunctuation(match[0]);
    if (!URL.canParse(text)) continue;
    if (match.index > end) parts.push({ text: message.slice(end, match.index) });
    parts.push({ text, href: new URL(text).href });
    end = match.index + text.length;
  }
  if (end < message.length) parts.push({ text: message.slice(end) });
  return parts;
}

// Removes from the end of a URL the punctuation that ends a sentence, and closing brackets that were opened before the URL.
function trimPunctuation(text: string): string {
  let cut = text.replace(/[.,;:!?…]+$/u, "");
  while (cut.endsWith(")") && count(cut, ")") > count(cut, "(")) {
    cut = cut.slice(0, -1).replace(/[.,;:!?…]+$/u, "");
  }
  return cut;
}

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}
