import { useEffect, useState } from "react";

/** How long the confirmation is shown, in milliseconds. */
const confirmationTime = 2_500;

/** useCopy returns a function that copies a text, and whether it was copied in the last few seconds. */
export function useCopy(text: string): { copied: boolean; copy: () => void } {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), confirmationTime);
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

// For pages without https, which have no Clipboard API.
function selectAndCopy(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way without https
  const done = document.execCommand("copy");
  field.remove();
  return done;
}
