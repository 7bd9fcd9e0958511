import { type ReceivedChatMessage, useChat } from "@livekit/components-react";
import type { ChatMessage } from "../features/chat/message";
import { useUnread } from "../features/chat/useUnread";
import { displayName } from "../features/people/useParticipant";

/** useMessages gives the meeting's chat since one came in, and how much of it came while it was closed. */
export function useMessages(open: boolean): {
  messages: ChatMessage[];
  unread: number;
  send: (text: string) => Promise<unknown>;
} {
  const { chatMessages, send } = useChat();
  const messages = chatMessages.map(shown);
  return { messages, unread: useUnread(messages, open), send };
}

function shown({ id, message, timestamp, from }: ReceivedChatMessage): ChatMessage {
  const authorId = from?.identity ?? "";
  const author = from === undefined ? "Somebody" : displayName(from);
  return { id, text: message, at: timestamp, authorId, author, mine: from?.isLocal === true };
}
