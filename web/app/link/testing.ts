import { vi } from "vitest";

type Kind = "audio" | "video";

/** track is all that a connection asks of a track. */
export const track = (kind: Kind, id: string) => ({ kind, id }) as MediaStreamTrack;

class FakeTransceiver {
  direction = "recvonly";
  readonly receiver: { track: MediaStreamTrack };
  readonly sender = {
    track: null as MediaStreamTrack | null,
    replaceTrack: vi.fn((track: MediaStreamTrack | null) => {
      this.sender.track = track;
      return Promise.resolve();
    }),
  };

  constructor(readonly mid: string, kind: Kind) {
    this.receiver = { track: track(kind, `remote ${mid}`) };
  }
}

class FakeChannel extends EventTarget {
  readyState = "connecting";
  readonly sent: string[] = [];

  constructor(readonly label: string, readonly options: RTCDataChannelInit) {
    super();
  }

  send(text: string) {
    this.sent.push(text);
  }

  open() {
    this.readyState = "open";
    this.dispatchEvent(new Event("open"));
  }

  say(data: unknown) {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

/** An RTCPeerConnection without a network: its signalling state and its media sections (W3C webrtc, 4.3 and 4.7). */
export class FakeConnection extends EventTarget {
  static made: FakeConnection[] = [];
  static get last(): FakeConnection {
    const connection = FakeConnection.made.at(-1);
    if (!connection) throw new Error("there is no connection");
    return connection;
  }
  signalingState: "stable" | "have-local-offer" | "have-remote-offer" | "closed" = "stable";
  connectionState = "new";
  localDescription: { type: string; sdp: string } | null = null;
  remoteDescription: { type: string; sdp: string } | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  readonly channels: FakeChannel[] = [];
  readonly addIceCandidate = vi.fn().mockResolvedValue(undefined);
  readonly restartIce = vi.fn(() => this.#need());
  stats: Record<string, unknown>[] = [];
  #needed = false;
  #version = 0;

  constructor(readonly configuration: RTCConfiguration) {
    super();
    FakeConnection.made.push(this);
  }

  addTransceiver(trackOrKind: MediaStreamTrack | Kind, { direction }: { direction: string }) {
    const kind = typeof trackOrKind === "string" ? trackOrKind : (trackOrKind.kind as Kind);
    const transceiver = this.#section(kind);
    transceiver.direction = direction;
    if (typeof trackOrKind !== "string") transceiver.sender.track = trackOrKind;
    this.#need();
    return transceiver;
  }

  getTransceivers() {
    return this.transceivers;
  }

  createDataChannel(label: string, options: RTCDataChannelInit) {
    const channel = new FakeChannel(label, options);
    this.channels.push(channel);
    this.#need();
    return channel;
  }

  async setLocalDescription() {
    await Promise.resolve();
    if (this.signalingState === "closed") throw new DOMException("closed", "InvalidStateError");
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: `v=0\r\no=- own ${++this.#version} IN IP4 127.0.0.1\r\n` };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
  }

  /** An offer in place of an own one rolls that one back, as browsers do. */
  async setRemoteDescription(description: { type: string; sdp: string }) {
    await Promise.resolve();
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
    const seen: Record<Kind, number> = { audio: 0, video: 0 };
    for (const [, kind] of description.sdp.matchAll(/^m=(audio|video) /gm) as Iterable<[string, Kind]>) {
      if (this.#ofKind(kind).length === seen[kind]++) this.#section(kind);
    }
  }

  getStats() {
    return Promise.resolve(new Map(this.stats.map((entry, id) => [String(id), entry])));
  }

  become(connectionState: string) {
    this.connectionState = connectionState;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  gather(candidate: string) {
    const found = { candidate, toJSON: () => ({ candidate, sdpMid: "0" }) };
    this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: found }));
  }

  close() {
    this.signalingState = "closed";
    this.connectionState = "closed";
  }

  #ofKind(kind: Kind) {
    return this.transceivers.filter(({ receiver }) => receiver.track.kind === kind);
  }

  #section(kind: Kind) {
    const transceiver = new FakeTransceiver(String(this.transceivers.length), kind);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  /** Several changes at once need one negotiation. */
  #need() {
    if (this.#needed) return;
    this.#needed = true;
    queueMicrotask(() => {
      this.#needed = false;
      if (this.signalingState === "stable") this.dispatchEvent(new Event("negotiationneeded"));
    });
  }
}
