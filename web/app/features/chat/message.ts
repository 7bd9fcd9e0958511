/** ChatMessage is one message as the chat shows it. */
export interface ChatMessage {
  id: string;
  text: string;
  /** When it was sent, in milliseconds since 1970. */
  at: number;
  /** authorId tells people of the same name apart. */
  authorId: string;
  author: string;
  mine: boolean;
}
