import { WebSocket as ReconnectingWebSocket } from "partysocket";
import type { Ending } from "../features/ended/ending";
import { sitePath } from "../lib/base";
import { couldNotStart } from "./ending";

/**
 * Signal is a message to or from the signalling server: a name and its arguments. The last argument of a signal about a
 * session is the session's id.
 */
export interface Signal {
  name: string;
  texts: string[];
}

/** encode writes a signal in the JSON form of a Rust enum in serde, which the server uses. */
export function encode({ name, texts }: Signal): string {
  const [only] = texts;
  if (only === undefined) return JSON.stringify(name);
  return JSON.stringify({ [name]: texts.length === 1 ? only : texts });
}

/** decode reads a signal, or returns undefined if the text is malformed. */
export function decode(text: string): Signal | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value === "string") return { name: value, texts: [] };
  if (typeof value !== "object" || value === null) return undefined;
  const [entry, ...more] = Object.entries(value);
  if (entry === undefined || more.length > 0) return undefined;
  const [name, content] = entry as [string, unknown];
  const texts: unknown[] = Array.isArray(content) ? content : [content];
  return texts.every((text) => typeof text === "string") ? { name, texts } : undefined;
}

/** The close code of a server that has reached its limit (IANA's registry of WebSocket close codes). */
const tryAgainLater = 1013;

/** How long a connection may take to open, in milliseconds. livekit-client has the same limit. */
const connectionTimeout = 15_000;

/**
 * Signalling is the connection to the signalling server. It reconnects by itself. To the server each connection is a new
 * user, so it sends NewUser again.
 */
export class Signalling {
  readonly #socket: ReconnectingWebSocket;

  /** Whether the server has sent anything yet. */
  #answered = false;

  /** onNoResponse is called, with the reason, when a connection ends or fails before the server has sent anything. */
  constructor(onSignal: (signal: Signal) => void, onNoResponse: (ending: Ending) => void) {
    const { protocol, host } = location;
    // Signals are not queued without a connection, because they would be meaningless on the next connection.
    this.#socket = new ReconnectingWebSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}${sitePath("/direct/ws")}?moves=1`, [], { maxEnqueuedMessages: 0, connectionTimeout });
    this.#socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      const signal = typeof event.data === "string" ? decode(event.data) : undefined;
      this.#answered = true;
      if (signal) onSignal(signal);
    });
    // addEventListener is not used here, because partysocket passes listeners a copy of the event, which in browsers has a
    // wrong code and reason.
    this.#socket.onclose = ({ code, reason }) => {
      if (this.#answered) return; // it reconnects
      void couldNotStart(code === tryAgainLater ? "full" : reason === "timeout" ? "late" : "closed").then((ending) => {
        if (!this.#answered) onNoResponse(ending);
      });
    };
  }

  /** send sends a signal. Without a connection the signal is dropped. */
  send(name: string, ...texts: string[]): void {
    this.#socket.send(encode({ name, texts }));
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }
}
