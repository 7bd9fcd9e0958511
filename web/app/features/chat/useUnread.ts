import { useState } from "react";
import type { ChatMessage } from "./message";

/** useUnread counts what others wrote while the chat was closed. */
export function useUnread(messages: readonly ChatMessage[], open: boolean): number {
  const [seen, setSeen] = useState(0);
  const others = messages.filter((message) => !message.mine).length;
  // While the panel is open everything counts as seen.
  if (open && seen !== others) setSeen(others);
  return open ? 0 : others - seen;
}
