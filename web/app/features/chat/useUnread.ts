import { useState } from "react";
import type { ChatMessage } from "./message";

/** useUnread returns how many messages of other people have arrived while the chat was closed. */
export function useUnread(messages: readonly ChatMessage[], open: boolean): number {
  const [seen, setSeen] = useState(0);
  const others = messages.filter((message) => !message.mine).length;
  // While the chat is open, all messages count as read.
  if (open && seen !== others) setSeen(others);
  return open ? 0 : others - seen;
}
