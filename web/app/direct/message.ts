/** PeerState is the state that each page sends to the other: the name of its person, and which devices are on. */
export interface PeerState {
  name: string;
  microphone: boolean;
  camera: boolean;
  screen: boolean;
}

/** Message is a message on the data channel between the two pages. */
export type Message = { state: PeerState } | { chat: { id: string; text: string; at: number } } | { bye: true };

const maxNameLength = 100;
const maxTextLength = 4_000;

/**
 * readMessage validates a received message and returns it without unknown fields, or undefined if it is malformed or too
 * large.
 */
export function readMessage(value: unknown): Message | undefined {
  if (!isRecord(value)) return undefined;
  const { state, chat, bye } = value;
  if (isRecord(state)) {
    const { name, microphone, camera, screen } = state;
    return isText(name, maxNameLength) && isBoolean(microphone) && isBoolean(camera) && isBoolean(screen)
      ? { state: { name, microphone, camera, screen } }
      : undefined;
  }
  if (isRecord(chat)) {
    const { id, text, at } = chat;
    return isText(id, 100) && isText(text, maxTextLength) && typeof at === "number" && Number.isFinite(at) ? { chat: { id, text, at } } : undefined;
  }
  return bye === true ? { bye } : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === "string" && value.length <= maxLength;
}
