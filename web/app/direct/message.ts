/** What a person says of themselves. */
export interface OwnState {
  name: string;
  microphone: boolean;
  camera: boolean;
  screen: boolean;
}

/** What the two pages say to each other over the data channel. */
export type Message = { state: OwnState } | { chat: { id: string; text: string; at: number } } | { bye: true };

const longestName = 100;
const longestText = 4_000;

/** readMessage returns the message that arrived and nothing else that it holds, or undefined if it is none, or larger than a page takes. */
export function readMessage(value: unknown): Message | undefined {
  if (!isRecord(value)) return undefined;
  const { state, chat, bye } = value;
  if (isRecord(state)) {
    const { name, microphone, camera, screen } = state;
    return isText(name, longestName) && isSwitch(microphone) && isSwitch(camera) && isSwitch(screen)
      ? { state: { name, microphone, camera, screen } }
      : undefined;
  }
  if (isRecord(chat)) {
    const { id, text, at } = chat;
    return isText(id, 100) && isText(text, longestText) && typeof at === "number" && Number.isFinite(at) ? { chat: { id, text, at } } : undefined;
  }
  return bye === true ? { bye } : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isSwitch(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === "string" && value.length <= longest;
}
