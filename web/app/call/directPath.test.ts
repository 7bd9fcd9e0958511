import { ParticipantKind, type Room, Track, VideoQuality } from "livekit-client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { State } from "../lib/observable";
import type { LinkOptions, Role } from "../link/peerLink";
import { DirectPath } from "./directPath";

/** The newest direct connection, which sends what the test says. */
let link: FakeLink;

class FakeLink {
  readonly state = new State("live");
  readonly stats = new State({ path: "direct" });
  readonly remote = new State({ microphone: "direct sound", camera: "direct picture" });
  readonly begin = vi.fn();
  readonly close = vi.fn();
  readonly setTrack = vi.fn();
  readonly receive = vi.fn();
  /** What comes by it at every look. */
  flowing: Role[] = ["microphone", "camera"];
  #counts: Partial<Record<Role, number>> = {};

  constructor(readonly options: LinkOptions) {}

  received() {
    for (const role of this.flowing) this.#counts[role] = (this.#counts[role] ?? 0) + 1;
    return Promise.resolve({ ...this.#counts });
  }
}

vi.mock("../link/peerLink", () => ({
  PeerLink: function PeerLink(options: LinkOptions) {
    return (link = new FakeLink(options));
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
  const said: string[] = [];
  let hear: (reader: { readAll(): Promise<string> }, from: { identity: string }) => void = () => undefined;
  const room = {
    remoteParticipants: new Map<string, unknown>([["bo", bo]]),
    localParticipant: {
      identity: "ada",
      trackPublications: new Map(),
      sendText: (text: string) => {
        said.push((JSON.parse(text) as { name: string }).name);
        return Promise.resolve();
      },
    },
    isRecording: false,
    isE2EEEnabled: false,
    on: () => room,
    registerTextStreamHandler: (_topic: string, handler: typeof hear) => (hear = handler),
    unregisterTextStreamHandler: () => undefined,
  };
  const over = new AbortController();
  const path = new DirectPath(room as unknown as Room, over.signal);
  path.allow([]);
  const ready = () => hear({ readAll: () => Promise.resolve(JSON.stringify({ name: "Ready", text: "" })) }, bo);
  return { bo, microphone, camera, room, said, ready, path, over };
}

type Meeting = ReturnType<typeof meeting>;

/** Both are ready, and everything has gone over. */
async function goDirect(m: Meeting) {
  await vi.advanceTimersByTimeAsync(3_500);
  m.ready();
  await vi.advanceTimersByTimeAsync(1_500);
}

const shown = (m: Meeting) => Object.keys(m.path.shown.value.tracks);

let m: Meeting;
beforeEach(() => {
  vi.useFakeTimers();
  m = meeting();
});
afterEach(() => {
  m.over.abort();
  vi.useRealTimers();
});

it("goes over once the server's way has worked and both know", async () => {
  await vi.advanceTimersByTimeAsync(2_800);
  expect(m.said).toEqual([]);
  await goDirect(m);
  expect(m.said[0]).toBe("Ready");
  expect(link.begin).toHaveBeenCalledOnce();
  expect(m.path.shown.value.from).toBe(m.bo);
  expect(shown(m)).toEqual(["microphone", "camera"]);
  expect(m.microphone.track.mediaStreamTrack.enabled, "the server's sound is silent").toBe(false);
  expect(m.camera.setVideoQuality).toHaveBeenLastCalledWith(VideoQuality.LOW);
});

it("gives back a track that pauses, alone and without a word", async () => {
  await goDirect(m);
  link.flowing = ["microphone"];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(shown(m)).toEqual(["microphone"]);
  expect(m.camera.setVideoQuality).toHaveBeenLastCalledWith(VideoQuality.HIGH);
  link.flowing = ["microphone", "camera"];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(shown(m)).toEqual(["microphone", "camera"]);
  expect(m.said).not.toContain("Back");
});

it("goes back when nothing comes any more, and tries again later", async () => {
  await goDirect(m);
  const before = link;
  link.flowing = [];
  await vi.advanceTimersByTimeAsync(1_000);
  expect(m.said).toContain("Back");
  expect(before.close).toHaveBeenCalled();
  expect(shown(m)).toEqual([]);
  expect(m.microphone.track.mediaStreamTrack.enabled).toBe(true);
  await vi.advanceTimersByTimeAsync(20_000);
  m.ready();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(link, "no attempt within half a minute").toBe(before);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(link, "and one after it").not.toBe(before);
});

it("has pictures of a path that works stay for a moment when a third comes", async () => {
  await goDirect(m);
  m.room.remoteParticipants.set("cy", { identity: "cy", sid: "PA_cy", kind: ParticipantKind.STANDARD, trackPublications: new Map() });
  await vi.advanceTimersByTimeAsync(300);
  expect(shown(m)).toEqual(["camera"]);
  expect(m.microphone.track.mediaStreamTrack.enabled).toBe(true);
  expect(link.close).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(shown(m)).toEqual([]);
  expect(link.close).toHaveBeenCalled();
});

it("sends nothing more to who may not subscribe or was put out", async () => {
  for (const forbid of [() => (m.bo.permissions.canSubscribe = false), () => m.room.remoteParticipants.clear()]) {
    m.over.abort();
    m = meeting();
    await goDirect(m);
    forbid();
    await vi.advanceTimersByTimeAsync(300);
    expect(link.close).toHaveBeenCalled();
    expect(shown(m)).toEqual([]);
  }
});

it("plays nothing that the server does not send, and no sound that the browser refuses", async () => {
  await goDirect(m);
  Object.assign(m.microphone, { track: undefined });
  await vi.advanceTimersByTimeAsync(300);
  expect(shown(m), "the server took the subscription away").toEqual(["camera"]);
  m.over.abort();
  m = meeting();
  m.path.refuse("microphone");
  await goDirect(m);
  expect(shown(m)).toEqual(["camera"]);
  expect(m.microphone.track.mediaStreamTrack.enabled).toBe(true);
});

it("goes on with the server while something is recorded or encrypted", async () => {
  m.room.isRecording = true;
  await goDirect(m);
  expect(m.said).toEqual([]);
  m.room.isRecording = false;
  m.room.isE2EEEnabled = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(m.said).toEqual([]);
});

it("holds no failure against a page that is closed", async () => {
  await goDirect(m);
  const before = link;
  link.options.onClosed();
  expect(shown(m)).toEqual([]);
  await goDirect(m);
  expect(link).not.toBe(before);
  expect(m.said).not.toContain("Back");
});
