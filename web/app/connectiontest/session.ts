import { Room, RoomEvent } from "livekit-client";
import { joinErrorText } from "../call/ending";
import { ApiError, type ConnectionTestRoom, fetchConnectionTest } from "../lib/api";
import { type MediaPath, mediaPath } from "./stats";

/** How long the server may take to answer, and a media connection may take to open, in milliseconds. */
const signallingTimeout = 10_000;
const mediaTimeout = 10_000;
/** The interval of polls, in milliseconds. */
const pollInterval = 100;

/** Media is the room in which the last steps publish and subscribe. */
export interface Media {
  room: ConnectionTestRoom;
  publisher: Room;
  subscriber?: Room;
}

/** ConnectFailure says in a sentence why a connection could not be opened. */
export class ConnectFailure extends ApiError {
  /** Whether the server accepted the participant, so that only media failed. */
  readonly signalled: boolean;

  constructor(sentence: string, signalled: boolean) {
    super(sentence);
    this.signalled = signalled;
  }
}

/** Session holds what one run of the connection test opens: rooms and tracks. close ends all of it. */
export class Session {
  /** The tracks to publish. */
  readonly tracks: MediaStreamTrack[] = [];
  media: Media | undefined;
  /** The path that media takes in calls on this network. */
  path: MediaPath | undefined;
  readonly #closed = new AbortController();
  readonly #rooms = new Set<Room>();

  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /** newRoom returns a new room on the server. It rejects with an ApiError. */
  newRoom(): Promise<ConnectionTestRoom> {
    return fetchConnectionTest(this.signal);
  }

  /**
   * connect joins a room and waits for the media connection. onSignalled is called earlier, when the server has accepted the
   * participant. connect rejects with a ConnectFailure.
   */
  async connect(serverUrl: string, token: string, rtcConfig?: RTCConfiguration, onSignalled?: (room: Room) => void): Promise<Room> {
    const room = new Room({ adaptiveStream: false, dynacast: false });
    let signalled = false;
    room.once(RoomEvent.SignalConnected, () => {
      signalled = true;
      onSignalled?.(room);
    });
    this.#rooms.add(room);
    try {
      this.signal.throwIfAborted();
      await room.connect(serverUrl, token, {
        maxRetries: 0,
        websocketTimeout: signallingTimeout,
        peerConnectionTimeout: mediaTimeout,
        ...(rtcConfig ? { rtcConfig } : {}),
      });
      return room;
    } catch (error) {
      const wanted = this.#rooms.has(room); // otherwise disconnect was called
      this.disconnect(room);
      throw new ConnectFailure(wanted ? await joinErrorText(error, serverUrl, token) : "", signalled);
    }
  }

  /** connectSignalling joins a room and returns when the server has accepted the participant. It rejects with a ConnectFailure. */
  connectSignalling(serverUrl: string, token: string): Promise<Room> {
    return new Promise((resolve, reject) => {
      this.connect(serverUrl, token, undefined, resolve).catch(reject);
    });
  }

  /** disconnect leaves a room. The published tracks continue. */
  disconnect(room: Room): void {
    this.#rooms.delete(room);
    void room.disconnect(false);
  }

  /** poll calls check until it returns a value, and returns that value, or undefined after a time in milliseconds. */
  async poll<T>(time: number, check: () => T | undefined | Promise<T | undefined>): Promise<T | undefined> {
    for (const deadline = performance.now() + time; ; ) {
      this.signal.throwIfAborted();
      const value = await check();
      if (value !== undefined || performance.now() > deadline) return value;
      await this.pause(pollInterval);
    }
  }

  /** pause waits for a time in milliseconds. It rejects if the session is closed. */
  pause(time: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onClosed = () => {
        clearTimeout(timer);
        reject(new DOMException("the test was cancelled", "AbortError"));
      };
      const timer = setTimeout(() => {
        this.signal.removeEventListener("abort", onClosed);
        resolve();
      }, time);
      this.signal.addEventListener("abort", onClosed, { once: true });
    });
  }

  /** close leaves all rooms and stops the tracks. */
  close(): void {
    this.#closed.abort();
    for (const room of [...this.#rooms]) this.disconnect(room);
    for (const track of this.tracks) track.stop();
  }
}

/** statsOf returns the statistics of a room's media connection, or undefined if it has none. */
export async function statsOf(room: Room): Promise<RTCStatsReport | undefined> {
  const connections = room.engine.pcManager;
  if (!connections) return undefined;
  const report = await connections.publisher.getStats();
  // Old browsers use a second connection, for receiving, which is then the first one to be open.
  return report && mediaPath(report) ? report : ((await connections.subscriber?.getStats()) ?? report);
}
