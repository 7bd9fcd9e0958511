import { vi } from "vitest";
import type { Ending } from "../features/ended/ending";
import { State } from "../lib/observable";
import type { PeerTransportOptions } from "../peer/peerTransport";
import type { Signal } from "./signalling";

// Fakes of the server, the other browser and the devices of a direct call. This file must not import directCall.ts, because
// the mocks of the modules that directCall.ts imports load this file.

/** FakeSignalling records the signals that the call sends. Tests call onSignal in place of the server. */
export class FakeSignalling {
  static last: FakeSignalling;
  readonly sent: string[][] = [];
  readonly close = vi.fn();

  constructor(readonly onSignal: (signal: Signal) => void, readonly onNoResponse: (ending: Ending) => void) {
    FakeSignalling.last = this;
  }

  send(...message: string[]) {
    this.sent.push(message);
  }
}

/** FakeTransport is a connection to the other browser. Tests set its state and call its options' callbacks. */
export class FakeTransport {
  static created: FakeTransport[] = [];
  static get last(): FakeTransport {
    const transport = FakeTransport.created.at(-1);
    if (!transport) throw new Error("no transport was created");
    return transport;
  }
  readonly state = new State("connecting");
  readonly remote = new State({});
  readonly stats = new State({ path: "direct", remoteLevel: 0, localLevel: 0, quality: "good" });
  readonly startOffer = vi.fn();
  readonly restartIce = vi.fn();
  readonly close = vi.fn();
  readonly handleSignal = vi.fn().mockResolvedValue(undefined);
  readonly tracks: Record<string, unknown> = {};
  remoteOrigin: string | undefined;
  open = true;
  readonly sentMessages: unknown[] = [];

  constructor(readonly options: PeerTransportOptions) {
    FakeTransport.created.push(this);
  }

  setTrack(role: string, track: unknown) {
    this.tracks[role] = track;
  }

  sendMessage(message: unknown) {
    if (this.open) this.sentMessages.push(message);
    return this.open;
  }
}

/** FakeMedia has a microphone and a camera that are on. */
export class FakeMedia {
  readonly microphone: { mediaStreamTrack: { enabled: boolean } } | undefined = { mediaStreamTrack: { enabled: true } };
  camera: { mediaStreamTrack: object } | undefined = { mediaStreamTrack: {} };
  readonly state = new State<Record<string, { problem: { title: string; text: string } | null }>>({ microphone: { problem: null }, camera: { problem: null } });
  readonly setWanted = vi.fn().mockResolvedValue(undefined);
  readonly chooseDevice = vi.fn().mockResolvedValue(undefined);

  constructor(change: Partial<Pick<FakeMedia, "microphone">> = {}) {
    Object.assign(this, change);
  }
}

/** FakeScreen is the media stream of a shared screen, with one video and one audio track. */
export class FakeScreen {
  readonly video = Object.assign(new EventTarget(), { stop: vi.fn(), contentHint: "" });
  readonly audio = { stop: vi.fn() };
  getVideoTracks = () => [this.video];
  getAudioTracks = () => [this.audio];
  getTracks = () => [this.video, this.audio];
}
