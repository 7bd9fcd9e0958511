import { vi } from "vitest";

type Kind = "audio" | "video";

/** track returns a fake MediaStreamTrack. */
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

class FakeDataChannel extends EventTarget {
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

  receive(data: unknown) {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

/**
 * FakePeerConnection simulates signalling state and transceivers of RTCPeerConnection (W3C WebRTC, sections 4.3 and 4.7).
 */
export class FakePeerConnection extends EventTarget {
  static created: FakePeerConnection[] = [];
  static get last(): FakePeerConnection {
    const connection = FakePeerConnection.created.at(-1);
    if (!connection) throw new Error("there is no connection");
    return connection;
  }
  signalingState: "stable" | "have-local-offer" | "have-remote-offer" | "closed" = "stable";
  connectionState = "new";
  localDescription: { type: string; sdp: string } | null = null;
  remoteDescription: { type: string; sdp: string } | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  readonly channels: FakeDataChannel[] = [];
  readonly addIceCandidate = vi.fn().mockResolvedValue(undefined);
  readonly restartIce = vi.fn(() => this.#queueNegotiation());
  stats: Record<string, unknown>[] = [];
  #negotiationQueued = false;
  #version = 0;

  constructor(readonly configuration: RTCConfiguration) {
    super();
    FakePeerConnection.created.push(this);
  }

  addTransceiver(trackOrKind: MediaStreamTrack | Kind, { direction }: { direction: string }) {
    const kind = typeof trackOrKind === "string" ? trackOrKind : (trackOrKind.kind as Kind);
    const transceiver = this.#addTransceiver(kind);
    transceiver.direction = direction;
    if (typeof trackOrKind !== "string") transceiver.sender.track = trackOrKind;
    this.#queueNegotiation();
    return transceiver;
  }

  getTransceivers() {
    return this.transceivers;
  }

  createDataChannel(label: string, options: RTCDataChannelInit) {
    const channel = new FakeDataChannel(label, options);
    this.channels.push(channel);
    this.#queueNegotiation();
    return channel;
  }

  async setLocalDescription() {
    await Promise.resolve();
    if (this.signalingState === "closed") throw new DOMException("closed", "InvalidStateError");
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: `v=0\r\no=- own ${++this.#version} IN IP4 127.0.0.1\r\n` };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
  }

  /** Applies an offer also while a local one is pending, which browsers then roll back. */
  async setRemoteDescription(description: { type: string; sdp: string }) {
    await Promise.resolve();
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
    const seen: Record<Kind, number> = { audio: 0, video: 0 };
    for (const [, kind] of description.sdp.matchAll(/^m=(audio|video) /gm) as Iterable<[string, Kind]>) {
      if (this.#transceiversOf(kind).length === seen[kind]++) this.#addTransceiver(kind);
    }
  }

  getStats() {
    return Promise.resolve(new Map(this.stats.map((entry, id) => [String(id), entry])));
  }

  setConnectionState(connectionState: string) {
    this.connectionState = connectionState;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  addLocalCandidate(candidate: string) {
    const found = { candidate, toJSON: () => ({ candidate, sdpMid: "0" }) };
    this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: found }));
  }

  close() {
    this.signalingState = "closed";
    this.connectionState = "closed";
  }

  #transceiversOf(kind: Kind) {
    return this.transceivers.filter(({ receiver }) => receiver.track.kind === kind);
  }

  #addTransceiver(kind: Kind) {
    const transceiver = new FakeTransceiver(String(this.transceivers.length), kind);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  /** Fires negotiationneeded once for all changes of the current task. */
  #queueNegotiation() {
    if (this.#negotiationQueued) return;
    this.#negotiationQueued = true;
    queueMicrotask(() => {
      this.#negotiationQueued = false;
      if (this.signalingState === "stable") this.dispatchEvent(new Event("negotiationneeded"));
    });
  }
}
