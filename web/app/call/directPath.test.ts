import { ParticipantKind, type Room, Track, VideoQuality } from "livekit-client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { State } from "../lib/observable";
import type { PeerTransportOptions, TrackRole } from "../peer/peerTransport";
import { DirectPath } from "./directPath";

/** The transport created last. */
let transport: FakeTransport;

class FakeTransport {
  readonly state = new State("connected");
  readonly stats = new State({ path: "direct" });
  readonly remote = new State({ microphone: "direct audio", camera: "direct video" });
  readonly startOffer = vi.fn();
  readonly close = vi.fn();
  readonly setTrack = vi.fn();
  readonly handleSignal = vi.fn();
  /** The roles whose count increases at every poll. */
  flowing: TrackRole[] = ["microphone", "camera"];
  #counts: Partial<Record<TrackRole, number>> = {};

  constructor(readonly options: PeerTransportOptions) {}

  receivedCounts() {
    for (const role of this.flowing) this.#counts[role] = (this.#counts[role] ?? 0) + 1;
    return Promise.resolve({ ...this.#counts });
  }
}

vi.mock("../peer/peerTransport", () => ({
  PeerTransport: function PeerTransport(options: PeerTransportOptions) {
    return (transport = new FakeTransport(options));
  },
}));

const publication = (source: Track.Source, kind: Track.Kind) => ({
  source,
  kind,
  isMuted: false,
  track: {
    mediaStreamTrack: { enabled: true },
    getRTCStatsReport: () => Promise.resolve(new Map([["i", { type: "inbound-rtp", kind, packetsReceived: 9, framesReceived: 9 }]])),
  },
  setVideoQuality: vi.fn(),
});

function meeting() {
  const microphone = publication(Track.Source.Microphone, Track.Kind.Audio);
  const camera = publication(Track.Source.Camera, Track.Kind.Video);
  const bo = {
    identity: "bo", sid: "PA_bo", kind: ParticipantKind.STANDARD, permissions: { canSubscribe: true },
    trackPublications: new Map([["m", microphone], ["c", camera]]),
  };
  const sentSignals: string[] = [];
  let onText: (reader: { readAll(): Promise<string> }, from: { identity: string }) => void = () => undefined;
  const room = {
    remoteParticipants: new Map<string, unknown>([["bo", bo]]),
    localParticipant: {
      identity: "ada",
      trackPublications: new Map(),
      sendText: (text: string) => {
        sentSignals.push((JSON.parse(text) as { name: string }).name);
        return Promise.resolve();
      },
    },
    isRecording: false,
    isE2EEEnabled: false,
    on: () => room,
    registerTextStreamHandler: (_topic: string, handler: typeof onText) => (onText = handler),
    unregisterTextStreamHandler: () => undefined,
  };
  const callEnded = new AbortController();
  const path = new DirectPath(room as unknown as Room, callEnded.signal);
  path.allow([]);
  const receiveReady = () => onText({ readAll: () => Promise.resolve(JSON.stringify({ name: "Ready", text: "" })) }, bo);
  return { bo, microphone, camera, room, sentSignals, receiveReady, path, callEnded };
}

type Meeting = ReturnType<typeof meeting>;

/** Advances the time until both sides are ready and all tracks play from the direct path. */
async function goDirect(m: Meeting) {
  await vi.advanceTimersByTimeAsync(3_500);
  m.receiveReady();
  await vi.advanceTimersByTimeAsync(1_500);
}

const directTracks = (m: Meeting) => Object.keys(m.path.media.value.tracks);

let m: Meeting;
beforeEach(() => {
  vi.useFakeTimers();
  m = meeting();
});
afterEach(() => {
  m.callEnded.abort();
  vi.useRealTimers();
});

it("plays the direct path after the server's media have arrived on both sides", async () => {
  await vi.advanceTimersByTimeAsync(2_800);
  expect(m.sentSignals).toEqual([]);
  await goDirect(m);
  expect(m.sentSignals[0]).toBe("Ready");
  expect(transport.startOffer).toHaveBeenCalledOnce();
  expect(m.path.media.value.from).toBe(m.bo);
  expect(directTracks(m)).toEqual(["microphone", "camera"]);
  expect(m.microphone.track.mediaStreamTrack.enabled, "the server's audio is not played").toBe(false);
  expect(m.camera.setVideoQuality).toHaveBeenLastCalledWith(VideoQuality.LOW);
});

it("returns only the track that pauses to the server", async () => {
  await goDirect(m);
  transport.flowing = ["microphone"];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(directTracks(m)).toEqual(["microphone"]);
  expect(m.camera.setVideoQuality).toHaveBeenLastCalledWith(VideoQuality.HIGH);
  transport.flowing = ["microphone", "camera"];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(directTracks(m)).toEqual(["microphone", "camera"]);
  expect(m.sentSignals).not.toContain("Back");
});

it("returns to the server when no media arrive, and retries after 30 seconds", async () => {
  await goDirect(m);
  const previous = transport;
  transport.flowing = [];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(m.sentSignals).toContain("Back");
  expect(previous.close).toHaveBeenCalled();
  expect(directTracks(m)).toEqual([]);
  expect(m.microphone.track.mediaStreamTrack.enabled).toBe(true);
  await vi.advanceTimersByTimeAsync(20_000);
  m.receiveReady();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(transport, "no attempt within 30 seconds").toBe(previous);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(transport, "an attempt after 30 seconds").not.toBe(previous);
});

it("keeps the direct video briefly when a third participant joins", async () => {
  await goDirect(m);
  m.room.remoteParticipants.set("cy", { identity: "cy", sid: "PA_cy", kind: ParticipantKind.STANDARD, trackPublications: new Map() });
  await vi.advanceTimersByTimeAsync(300);
  expect(directTracks(m)).toEqual(["camera"]);
  expect(m.microphone.track.mediaStreamTrack.enabled).toBe(true);
  expect(transport.close).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(directTracks(m)).toEqual([]);
  expect(transport.close).toHaveBeenCalled();
});

it("closes the direct path to a participant that may not subscribe or was removed", async () => {
  for (const forbid of [() => (m.bo.permissions.canSubscribe = false), () => m.room.remoteParticipants.clear()]) {
    m.callEnded.abort();
    m = meeting();
    await goDirect(m);
    forbid();
    await vi.advanceTimersByTimeAsync(300);
    expect(transport.close).toHaveBeenCalled();
    expect(directTracks(m)).toEqual([]);
  }
});

it("plays no direct track without a server subscription, and no audio that the browser refuses", async () => {
  await goDirect(m);
  Object.assign(m.microphone, { track: undefined });
  await vi.advanceTimersByTimeAsync(300);
  expect(directTracks(m), "the server has ended the subscription").toEqual(["camera"]);
  m.callEnded.abort();
  m = meeting();
  m.path.refuse("microphone");
  await goDirect(m);
  expect(directTracks(m)).toEqual(["camera"]);
  expect(m.microphone.track.mediaStreamTrack.enabled).toBe(true);
});

it("stays on the server during a recording or end-to-end encryption", async () => {
  m.room.isRecording = true;
  await goDirect(m);
  expect(m.sentSignals).toEqual([]);
  m.room.isRecording = false;
  m.room.isE2EEEnabled = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(m.sentSignals).toEqual([]);
});

it("retries without a delay after the other page was closed", async () => {
  await goDirect(m);
  const previous = transport;
  transport.options.onClosed();
  expect(directTracks(m)).toEqual([]);
  await goDirect(m);
  expect(transport).not.toBe(previous);
  expect(m.sentSignals).not.toContain("Back");
});
