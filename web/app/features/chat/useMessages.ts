import { type ReceivedChatMessage, useChat } from "@livekit/components-react";
import { useState } from "react";

/** useMessages gives the chat since one came in, and how much of it came while it was closed. */
export function useMessages(open: boolean): {
  messages: ReceivedChatMessage[];
  unread: number;
  send: (text: string) => Promise<unknown>;
} {
  const { chatMessages, send } = useChat();
  const [seen, setSeen] = useState(0);
  const others = chatMessages.filter((message) => message.from?.isLocal !== true).length;
  // While the panel is open everything counts as seen.
  if (open && seen !== others) setSeen(others);
  return { messages: chatMessages, unread: open ? 0 : others - seen, send };
}
