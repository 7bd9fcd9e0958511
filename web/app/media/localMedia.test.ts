import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Preferences } from "../lib/storage";
import { LocalMedia } from "./localMedia";

// The SDK's side of it: tracks that can end, and a getUserMedia that each test scripts.
const sdk = vi.hoisted(() => {
  class FakeTrack extends EventTarget {
    stopped = false;
    stop = () => {
      this.stopped = true;
    };
    on = (name: string, listener: () => void) => this.addEventListener(name, listener);
    off = (name: string, listener: () => void) => this.removeEventListener(name, listener);
  }
  class LocalAudioTrack extends FakeTrack {}
  class LocalVideoTrack extends FakeTrack {}
  type Wanted = { audio?: { deviceId?: string }; video?: { deviceId?: string } };
  const answers = { audio: undefined as string | undefined, video: undefined as string | undefined };
  const asked: Wanted[] = [];
  const createLocalTracks = (wanted: Wanted) => {
    asked.push(wanted);
    const error = (wanted.audio && answers.audio) ?? (wanted.video && answers.video);
    if (error !== undefined) return Promise.reject(new DOMException("no", error));
    return Promise.resolve([...(wanted.audio ? [new LocalAudioTrack()] : []), ...(wanted.video ? [new LocalVideoTrack()] : [])]);
  };
  return { LocalAudioTrack, LocalVideoTrack, createLocalTracks, answers, asked };
});

vi.mock("livekit-client", () => ({
  LocalAudioTrack: sdk.LocalAudioTrack,
  LocalVideoTrack: sdk.LocalVideoTrack,
  createLocalTracks: sdk.createLocalTracks,
  TrackEvent: { Ended: "ended" },
}));

const preferences: Preferences = { name: "", microphone: true, camera: true, microphoneId: "", cameraId: "", speakerId: "" };
const permissions: Record<string, PermissionState> = {};

beforeEach(() => {
  sdk.answers.audio = undefined;
  sdk.answers.video = undefined;
  sdk.asked.length = 0;
  permissions.microphone = "prompt";
  permissions.camera = "prompt";
  vi.stubGlobal("navigator", {
    mediaDevices: {},
    permissions: {
      query: ({ name }: { name: string }) =>
        Promise.resolve(Object.assign(new EventTarget(), { state: permissions[name] })),
    },
  });
});

const started = async (change: Partial<Preferences> = {}) => {
  const media = new LocalMedia({ ...preferences, ...change });
  await media.start();
  return media;
};

const phases = ({ state: { value } }: LocalMedia) => [value.microphone.phase, value.camera.phase];
const codes = ({ state: { value } }: LocalMedia) => [value.microphone.problem?.code, value.camera.problem?.code];

describe("starting", () => {
  it("asks for both in one question", async () => {
    const media = await started();
    expect(sdk.asked).toEqual([{ audio: {}, video: {} }]);
    expect(phases(media)).toEqual(["on", "on"]);
  });

  it("asks only for what is wanted, and for the remembered device", async () => {
    const media = await started({ camera: false, microphoneId: "mic-2" });
    expect(sdk.asked).toEqual([{ audio: { deviceId: "mic-2" } }]);
    expect(phases(media)).toEqual(["on", "off"]);
  });

  it("asks for nothing when nothing is wanted", async () => {
    await started({ camera: false, microphone: false });
    expect(sdk.asked).toEqual([]);
  });
});

describe("failing", () => {
  it.each([
    ["NotFoundError", "camera-missing"],
    ["NotReadableError", "camera-busy"],
    ["OverconstrainedError", "camera-unavailable"],
  ])("a camera's %s leaves the microphone alone", async (error, code) => {
    sdk.answers.video = error;
    const media = await started();
    expect(phases(media)).toEqual(["on", "failed"]);
    expect(codes(media)).toEqual([undefined, code]);
  });

  it("a microphone's failure leaves the camera alone", async () => {
    sdk.answers.audio = "NotReadableError";
    const media = await started();
    expect(phases(media)).toEqual(["failed", "on"]);
  });

  it("does not ask again after a refusal", async () => {
    sdk.answers.audio = "NotAllowedError";
    sdk.answers.video = "NotAllowedError";
    permissions.camera = "denied";
    const media = await started();
    expect(sdk.asked).toHaveLength(1);
    expect(codes(media)).toEqual(["microphone-dismissed", "camera-denied"]);
  });

  it("asks apart for what the browser already allows", async () => {
    sdk.answers.video = "NotAllowedError";
    permissions.microphone = "granted";
    permissions.camera = "denied";
    const media = await started();
    expect(phases(media)).toEqual(["on", "failed"]);
  });

  it("can be tried again", async () => {
    sdk.answers.video = "NotReadableError";
    const media = await started();
    sdk.answers.video = undefined;
    await media.setWanted("camera", true);
    expect(phases(media)).toEqual(["on", "on"]);
    expect(codes(media)).toEqual([undefined, undefined]);
  });

  it("says that the page is not secure", async () => {
    vi.stubGlobal("navigator", {});
    sdk.answers.audio = "TypeError";
    sdk.answers.video = "TypeError";
    const media = await started();
    expect(codes(media)).toEqual(["microphone-insecure", "camera-insecure"]);
  });
});

describe("changing one's mind", () => {
  it("stops a device that is switched off and remembers it", async () => {
    const media = await started();
    const track = media.camera;
    await media.setWanted("camera", false);
    expect(track).toMatchObject({ stopped: true });
    expect(phases(media)).toEqual(["on", "off"]);
  });

  it("drops a track that arrives after it was switched off", async () => {
    const media = new LocalMedia(preferences);
    const starting = media.start();
    await media.setWanted("camera", false);
    await starting;
    expect(media.camera).toBeUndefined();
    expect(phases(media)).toEqual(["on", "off"]);
  });

  it("changes the device", async () => {
    const media = await started();
    const before = media.microphone;
    await media.choose("microphone", "mic-2");
    expect(before).toMatchObject({ stopped: true });
    expect(sdk.asked.at(-1)).toEqual({ audio: { deviceId: "mic-2" } });
    expect(media.microphone).not.toBe(before);
  });
});

describe("handing over", () => {
  it("gives a track away once, and does not stop it afterwards", async () => {
    const media = await started();
    const track = media.take("microphone");
    expect(media.take("microphone")).toBeUndefined();
    media.stop();
    expect(track).toMatchObject({ stopped: false });
  });

  it("stops what was not taken, and what arrives too late", async () => {
    const media = await started();
    const { camera } = media;
    media.stop();
    expect(camera).toMatchObject({ stopped: true });

    const late = new LocalMedia(preferences);
    const starting = late.start();
    late.stop();
    await starting;
    expect(late.microphone).toBeUndefined();
  });

  it("replaces a device that is unplugged", async () => {
    const media = await started();
    const before = media.microphone;
    (before as unknown as EventTarget).dispatchEvent(new Event("ended"));
    await vi.waitFor(() => {
      expect(media.microphone).toBeDefined();
      expect(media.microphone).not.toBe(before);
    });
  });
});
