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

/** isMessage tells whether something that arrived is a message, and of a size that a page takes. */
export function isMessage(value: unknown): value is Message {
  if (!isRecord(value)) return false;
  const { state, chat, bye } = value;
  if (isRecord(state)) {
    const { name, microphone, camera, screen } = state;
    return isText(name, longestName) && [microphone, camera, screen].every((on) => typeof on === "boolean");
  }
  if (isRecord(chat)) return isText(chat.id, 100) && isText(chat.text, longestText) && typeof chat.at === "number" && Number.isFinite(chat.at);
  return bye === true;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown, longest: number): boolean {
  return typeof value === "string" && value.length <= longest;
}
