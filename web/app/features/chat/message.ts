/** ChatMessage is a chat message to show. */
export interface ChatMessage {
  id: string;
  text: string;
  /** When it was sent, in milliseconds since 1970. */
  at: number;
  /** Identifies the author, because several people may have the same name. */
  authorId: string;
  author: string;
  mine: boolean;
}
