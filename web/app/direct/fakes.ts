import { vi } from "vitest";
import type { Ending } from "../features/after/ending";
import { State } from "../lib/observable";
import type { LinkOptions } from "../link/peerLink";
import type { Signal } from "./signalling";

// What tests put in place of the server, the other browser and the devices of a direct call. This file must not import
// the call: the mocks of the modules that the call imports import this file.

/** The connection to the server: what the call sends, and what the test says in the server's place. */
export class FakeSignalling {
  static last: FakeSignalling;
  readonly sent: string[][] = [];
  readonly close = vi.fn();

  constructor(readonly hear: (signal: Signal) => void, readonly onUnheard: (ending: Ending) => void) {
    FakeSignalling.last = this;
  }

  send(...message: string[]) {
    this.sent.push(message);
  }
}

/** A connection to the other browser, which does what the test says. */
export class FakeLink {
  static made: FakeLink[] = [];
  static get last(): FakeLink {
    const link = FakeLink.made.at(-1);
    if (!link) throw new Error("there is no link");
    return link;
  }
  readonly state = new State("connecting");
  readonly remote = new State({});
  readonly stats = new State({ path: "direct", heard: 0, said: 0, quality: "good" });
  readonly begin = vi.fn();
  readonly restart = vi.fn();
  readonly close = vi.fn();
  readonly receive = vi.fn().mockResolvedValue(undefined);
  readonly tracks: Record<string, unknown> = {};
  remoteOrigin: string | undefined;
  open = true;
  readonly said: unknown[] = [];

  constructor(readonly options: LinkOptions) {
    FakeLink.made.push(this);
  }

  setTrack(role: string, track: unknown) {
    this.tracks[role] = track;
  }

  say(message: unknown) {
    if (this.open) this.said.push(message);
    return this.open;
  }
}

/** Devices that are on: two tracks of the browser's. */
export class FakeMedia {
  readonly microphone: { mediaStreamTrack: { enabled: boolean } } | undefined = { mediaStreamTrack: { enabled: true } };
  camera: { mediaStreamTrack: object } | undefined = { mediaStreamTrack: {} };
  readonly state = new State<Record<string, { problem: { title: string; text: string } | null }>>({ microphone: { problem: null }, camera: { problem: null } });
  readonly setWanted = vi.fn().mockResolvedValue(undefined);
  readonly choose = vi.fn().mockResolvedValue(undefined);

  constructor(change: Partial<Pick<FakeMedia, "microphone">> = {}) {
    Object.assign(this, change);
  }
}

/** A screen and its sound, as the browser's picker gives them. */
export class FakeScreen {
  readonly picture = Object.assign(new EventTarget(), { stop: vi.fn(), contentHint: "" });
  readonly sound = { stop: vi.fn() };
  getVideoTracks = () => [this.picture];
  getAudioTracks = () => [this.sound];
  getTracks = () => [this.picture, this.sound];
}
