import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Preferences } from "../lib/storage";
import { LocalMedia } from "./localMedia";

// Fakes of the SDK: tracks that can end, and createLocalTracks, whose error for each kind is set by the test.
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
  const errors = { audio: undefined as string | undefined, video: undefined as string | undefined };
  const requests: Wanted[] = [];
  const createLocalTracks = (wanted: Wanted) => {
    requests.push(wanted);
    const error = (wanted.audio && errors.audio) ?? (wanted.video && errors.video);
    if (error !== undefined) return Promise.reject(new DOMException("no", error));
    return Promise.resolve([...(wanted.audio ? [new LocalAudioTrack()] : []), ...(wanted.video ? [new LocalVideoTrack()] : [])]);
  };
  return { LocalAudioTrack, LocalVideoTrack, createLocalTracks, errors, requests };
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
  sdk.errors.audio = undefined;
  sdk.errors.video = undefined;
  sdk.requests.length = 0;
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
  it("requests both devices at the same time", async () => {
    const media = await started();
    expect(sdk.requests).toEqual([{ audio: {}, video: {} }]);
    expect(phases(media)).toEqual(["on", "on"]);
  });

  it("requests only the devices that are switched on, with the stored device id", async () => {
    const media = await started({ camera: false, microphoneId: "mic-2" });
    expect(sdk.requests).toEqual([{ audio: { deviceId: "mic-2" } }]);
    expect(phases(media)).toEqual(["on", "off"]);
  });

  it("requests nothing when both devices are switched off", async () => {
    await started({ camera: false, microphone: false });
    expect(sdk.requests).toEqual([]);
  });
});

describe("failing", () => {
  it.each([
    ["NotFoundError", "camera-missing"],
    ["NotReadableError", "camera-busy"],
    ["OverconstrainedError", "camera-unavailable"],
  ])("keeps the microphone on when the camera fails with %s", async (error, code) => {
    sdk.errors.video = error;
    const media = await started();
    expect(phases(media)).toEqual(["on", "failed"]);
    expect(codes(media)).toEqual([undefined, code]);
  });

  it("keeps the camera on when the microphone fails", async () => {
    sdk.errors.audio = "NotReadableError";
    const media = await started();
    expect(phases(media)).toEqual(["failed", "on"]);
  });

  it("requests nothing again after permission was refused", async () => {
    sdk.errors.audio = "NotAllowedError";
    sdk.errors.video = "NotAllowedError";
    permissions.camera = "denied";
    const media = await started();
    expect(sdk.requests).toHaveLength(1);
    expect(codes(media)).toEqual(["microphone-dismissed", "camera-denied"]);
  });

  it("requests the granted device alone when the other is denied", async () => {
    sdk.errors.video = "NotAllowedError";
    permissions.microphone = "granted";
    permissions.camera = "denied";
    const media = await started();
    expect(phases(media)).toEqual(["on", "failed"]);
  });

  it("clears the problem when a second try succeeds", async () => {
    sdk.errors.video = "NotReadableError";
    const media = await started();
    sdk.errors.video = undefined;
    await media.setWanted("camera", true);
    expect(phases(media)).toEqual(["on", "on"]);
    expect(codes(media)).toEqual([undefined, undefined]);
  });

  it("reports an insecure page when there is no mediaDevices", async () => {
    vi.stubGlobal("navigator", {});
    sdk.errors.audio = "TypeError";
    sdk.errors.video = "TypeError";
    const media = await started();
    expect(codes(media)).toEqual(["microphone-insecure", "camera-insecure"]);
  });
});

describe("switching and choosing devices", () => {
  it("stops the track of a device that is switched off", async () => {
    const media = await started();
    const track = media.camera;
    await media.setWanted("camera", false);
    expect(track).toMatchObject({ stopped: true });
    expect(phases(media)).toEqual(["on", "off"]);
  });

  it("stops a track that arrives after its device was switched off", async () => {
    const media = new LocalMedia(preferences);
    const starting = media.start();
    await media.setWanted("camera", false);
    await starting;
    expect(media.camera).toBeUndefined();
    expect(phases(media)).toEqual(["on", "off"]);
  });

  it("stops the old track and acquires the chosen device", async () => {
    const media = await started();
    const before = media.microphone;
    await media.chooseDevice("microphone", "mic-2");
    expect(before).toMatchObject({ stopped: true });
    expect(sdk.requests.at(-1)).toEqual({ audio: { deviceId: "mic-2" } });
    expect(media.microphone).not.toBe(before);
  });
});

describe("handing over tracks", () => {
  it("returns a track only once and does not stop it afterwards", async () => {
    const media = await started();
    const track = media.takeTrack("microphone");
    expect(media.takeTrack("microphone")).toBeUndefined();
    media.stop();
    expect(track).toMatchObject({ stopped: false });
  });

  it("stops tracks that were not taken, and those that arrive after stop", async () => {
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

  it("acquires another device when one is unplugged", async () => {
    const media = await started();
    const before = media.microphone;
    (before as unknown as EventTarget).dispatchEvent(new Event("ended"));
    await vi.waitFor(() => {
      expect(media.microphone).toBeDefined();
      expect(media.microphone).not.toBe(before);
    });
  });
});
