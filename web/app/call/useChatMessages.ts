import { type ReceivedChatMessage, useChat } from "@livekit/components-react";
import type { ChatMessage } from "../features/chat/message";
import { useUnread } from "../features/chat/useUnread";
import { displayName } from "../features/people/useParticipant";

/**
 * useChatMessages returns the chat messages since joining, the number of unread ones, and a function that sends one. open
 * says whether the chat panel is open.
 */
export function useChatMessages(open: boolean): {
  messages: ChatMessage[];
  unread: number;
  send: (text: string) => Promise<unknown>;
} {
  const { chatMessages, send } = useChat();
  const messages = chatMessages.map(toChatMessage);
  return { messages, unread: useUnread(messages, open), send };
}

function toChatMessage({ id, message, timestamp, from }: ReceivedChatMessage): ChatMessage {
  const authorId = from?.identity ?? "";
  const author = from === undefined ? "Someone" : displayName(from);
  return { id, text: message, at: timestamp, authorId, author, mine: from?.isLocal === true };
}
