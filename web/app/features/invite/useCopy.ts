import { useEffect, useState } from "react";

/** How long the confirmation stays. */
const shownFor = 2_500;

/** meetingLink is the address others open: this page, without whatever was appended to it. */
export function meetingLink(): string {
  return location.origin + location.pathname;
}

/** useCopy copies a text and says for a moment that it did. */
export function useCopy(text: string): { copied: boolean; copy: () => void } {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), shownFor);
    return () => clearTimeout(timer);
  }, [copied]);
  return {
    copied,
    copy: () => {
      void writeText(text).then(setCopied);
    },
  };
}

async function writeText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return selectAndCopy(text);
  }
}

// Pages that are not served securely have no clipboard, but still the older command.
function selectAndCopy(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way there
  const done = document.execCommand("copy");
  field.remove();
  return done;
}
