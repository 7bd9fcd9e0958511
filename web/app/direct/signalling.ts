import { WebSocket as LastingSocket } from "partysocket";
import type { Ending } from "../features/after/ending";
import { sitePath } from "../lib/base";
import { couldNotBegin } from "./ending";

/** A message of the server that introduces the two: a name and its texts, of which the last is the session's id. */
export interface Signal {
  name: string;
  texts: string[];
}

/** encode writes a message as Rust's serde does, whose form the server speaks. */
export function encode({ name, texts }: Signal): string {
  const [only] = texts;
  if (only === undefined) return JSON.stringify(name);
  return JSON.stringify({ [name]: texts.length === 1 ? only : texts });
}

/** decode reads a message; what is none gives undefined. */
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

/** The code by which the server says that it is full (IANA's registry of WebSocket close codes). */
const tryAgainLater = 1013;

/** How long a connection may take to open, in milliseconds: as long as livekit-client waits for one. */
const connectionTimeout = 15_000;

/** Signalling is the connection to that server. It comes back by itself, as another user, who then says NewUser again. */
export class Signalling {
  readonly #socket: LastingSocket;

  #heard = false;

  /** onUnheard is told why nothing has come of the server when a first connection, or the attempt at one, ends. */
  constructor(onSignal: (signal: Signal) => void, onUnheard: (ending: Ending) => void) {
    const { protocol, host } = location;
    // Messages for a connection that is gone mean nothing to the next one.
    this.#socket = new LastingSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}${sitePath("/direct/ws")}?moves=1`, [], { maxEnqueuedMessages: 0, connectionTimeout });
    this.#socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      const signal = typeof event.data === "string" ? decode(event.data) : undefined;
      this.#heard = true;
      if (signal) onSignal(signal);
    });
    // Not a listener: in browsers those get a copy of the event in which code and reason are wrong.
    this.#socket.onclose = ({ code, reason }) => {
      if (this.#heard) return; // it comes back
      void couldNotBegin(code === tryAgainLater ? "full" : reason === "timeout" ? "late" : "closed").then((ending) => {
        if (!this.#heard) onUnheard(ending);
      });
    };
  }

  /** send says something to the server; while there is no connection it is lost. */
  send(name: string, ...texts: string[]): void {
    this.#socket.send(encode({ name, texts }));
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }
}
