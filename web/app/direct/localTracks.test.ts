import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { loadPreferences } from "../lib/storage";
import type { DirectCall } from "./directCall";
import { FakeMedia, FakeScreen } from "./fakes";
import { connectedCall, flush } from "./testing";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), fetchIceServers: vi.fn(), fetchDirectRefusal: vi.fn() }));
vi.mock("./signalling", async () => ({ Signalling: (await import("./fakes")).FakeSignalling }));
vi.mock("../peer/peerTransport", async (original) => ({ ...(await original<object>()), PeerTransport: (await import("./fakes")).FakeTransport }));

const getDisplayMedia = vi.fn<() => Promise<FakeScreen>>();

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { mediaDevices: { getDisplayMedia } });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("mutes an open microphone without stopping its track", async () => {
  const { call, media, transport } = await connectedCall();
  await call.setDevice("microphone", false);
  expect(media.setWanted).not.toHaveBeenCalled();
  expect(media.microphone?.mediaStreamTrack.enabled).toBe(false);
  expect(transport.tracks.microphone).toBe(media.microphone?.mediaStreamTrack);
  expect(call.localState.value.microphone).toBe(false);
  expect(transport.sentMessages.at(-1)).toMatchObject({ state: { microphone: false } });
  expect(loadPreferences().microphone).toBe(false);
});

it("passes every change of the camera to LocalMedia, and of the microphone only when none is open", async () => {
  const { call, media } = await connectedCall(new FakeMedia({ microphone: undefined }));
  await call.setDevice("microphone", true);
  await call.setDevice("camera", false);
  expect(media.setWanted.mock.calls).toEqual([["microphone", true], ["camera", false]]);
});

it("shows a notice when a device could not be used", async () => {
  const { call, media, notices } = await connectedCall();
  media.state.set({ ...media.state.value, camera: { problem: { title: "No camera was found", text: "Check it." } } });
  await call.setDevice("camera", true);
  expect(notices()).toEqual(["No camera was found. Check it."]);
});

it("shares a screen with audio and stops both when the call ends", async () => {
  const { call, transport } = await connectedCall();
  const screen = new FakeScreen();
  getDisplayMedia.mockResolvedValue(screen);
  await call.setSharing(true);
  expect(transport.tracks).toMatchObject({ screen: screen.video, screenAudio: screen.audio });
  expect(screen.video.contentHint).toBe("detail");
  expect(call.localState.value.screen).toBe(true);
  call.leave();
  expect(screen.video.stop).toHaveBeenCalled();
  expect(screen.audio.stop).toHaveBeenCalled();
});

it.each([
  ["its button is pressed", (call: DirectCall) => void call.setSharing(false)],
  ["the browser ends it", (_: DirectCall, screen: FakeScreen) => void screen.video.dispatchEvent(new Event("ended"))],
])("stops sharing when %s", async (_, end) => {
  const { call, transport } = await connectedCall();
  const screen = new FakeScreen();
  getDisplayMedia.mockResolvedValue(screen);
  await call.setSharing(true);
  end(call, screen);
  expect(screen.video.stop).toHaveBeenCalled();
  expect(transport.tracks).toMatchObject({ screen: null, screenAudio: null });
  expect(call.localState.value.screen).toBe(false);
  expect(transport.sentMessages.at(-1)).toMatchObject({ state: { screen: false } });
});

it("stops the first screen and sends the second when a second is shared", async () => {
  const { call, transport } = await connectedCall();
  const [first, second] = [new FakeScreen(), new FakeScreen()];
  getDisplayMedia.mockResolvedValueOnce(first).mockResolvedValueOnce(second);
  await call.setSharing(true);
  await call.setSharing(true);
  first.video.dispatchEvent(new Event("ended"));
  expect(first.video.stop).toHaveBeenCalledOnce();
  expect(transport.tracks.screen).toBe(second.video);
  expect(call.localState.value.screen).toBe(true);
});

it("stops a screen that is chosen after the call has ended", async () => {
  const { call, transport } = await connectedCall();
  const screen = new FakeScreen();
  getDisplayMedia.mockImplementation(() => {
    call.leave();
    return Promise.resolve(screen);
  });
  await call.setSharing(true);
  expect(screen.video.stop).toHaveBeenCalled();
  expect(transport.tracks.screen).toBeNull();
});

it.each([
  [new DOMException("Permission denied", "NotAllowedError"), 0, ""],
  [new DOMException("Permission denied by system", "NotAllowedError"), 1, "privacy settings"],
  [new Error("no source"), 1, "Try again"],
])("shows a notice when sharing fails with %s, but none when the picker is dismissed", async (error, count, words) => {
  const { call, notices } = await connectedCall();
  getDisplayMedia.mockRejectedValue(error);
  await call.setSharing(true);
  expect(notices()).toHaveLength(count);
  expect(notices()[0] ?? "").toContain(words);
  expect(call.localState.value.screen).toBe(false);
});

it("changes the devices and stores the chosen speaker", async () => {
  const { call, media } = await connectedCall();
  void call.chooseDevice("audioinput", "m");
  void call.chooseDevice("videoinput", "c");
  void call.chooseDevice("audiooutput", "s");
  await flush();
  expect(media.chooseDevice.mock.calls).toEqual([["microphone", "m"], ["camera", "c"]]);
  expect(loadPreferences().speakerId).toBe("s");
});
