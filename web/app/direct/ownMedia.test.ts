import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { loadPreferences } from "../lib/storage";
import type { DirectCall } from "./directCall";
import { FakeMedia, FakeScreen } from "./fakes";
import { live, settled } from "./testing";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), iceServers: vi.fn(), directRefusal: vi.fn() }));
vi.mock("./signalling", async () => ({ Signalling: (await import("./fakes")).FakeSignalling }));
vi.mock("../link/peerLink", async (original) => ({ ...(await original<object>()), PeerLink: (await import("./fakes")).FakeLink }));

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

it("mutes an open microphone without closing it", async () => {
  const { call, media, link } = await live();
  await call.setDevice("microphone", false);
  expect(media.setWanted).not.toHaveBeenCalled();
  expect(media.microphone?.mediaStreamTrack.enabled).toBe(false);
  expect(link.tracks.microphone).toBe(media.microphone?.mediaStreamTrack);
  expect(call.own.value.microphone).toBe(false);
  expect(link.said.at(-1)).toMatchObject({ state: { microphone: false } });
  expect(loadPreferences().microphone).toBe(false);
});

it("asks for the microphone when there is none yet, and for the camera always", async () => {
  const { call, media } = await live(new FakeMedia({ microphone: undefined }));
  await call.setDevice("microphone", true);
  await call.setDevice("camera", false);
  expect(media.setWanted.mock.calls).toEqual([["microphone", true], ["camera", false]]);
});

it("says in words why a device could not be used", async () => {
  const { call, media, notices } = await live();
  media.state.set({ ...media.state.value, camera: { problem: { title: "No camera was found", text: "Check it." } } });
  await call.setDevice("camera", true);
  expect(notices()).toEqual(["No camera was found. Check it."]);
});

it("shares a screen and its sound, and stops with them when the call ends", async () => {
  const { call, link } = await live();
  const screen = new FakeScreen();
  getDisplayMedia.mockResolvedValue(screen);
  await call.setSharing(true);
  expect(link.tracks).toMatchObject({ screen: screen.picture, screenSound: screen.sound });
  expect(screen.picture.contentHint).toBe("detail");
  expect(call.own.value.screen).toBe(true);
  call.leave();
  expect(screen.picture.stop).toHaveBeenCalled();
  expect(screen.sound.stop).toHaveBeenCalled();
});

it.each([
  ["its button is pressed", (call: DirectCall) => void call.setSharing(false)],
  ["the browser ends it", (_: DirectCall, screen: FakeScreen) => void screen.picture.dispatchEvent(new Event("ended"))],
])("stops sharing when %s", async (_, end) => {
  const { call, link } = await live();
  const screen = new FakeScreen();
  getDisplayMedia.mockResolvedValue(screen);
  await call.setSharing(true);
  end(call, screen);
  expect(screen.picture.stop).toHaveBeenCalled();
  expect(link.tracks).toMatchObject({ screen: null, screenSound: null });
  expect(call.own.value.screen).toBe(false);
  expect(link.said.at(-1)).toMatchObject({ state: { screen: false } });
});

it("stops the first screen when a second is shared, and goes on with the second", async () => {
  const { call, link } = await live();
  const [first, second] = [new FakeScreen(), new FakeScreen()];
  getDisplayMedia.mockResolvedValueOnce(first).mockResolvedValueOnce(second);
  await call.setSharing(true);
  await call.setSharing(true);
  first.picture.dispatchEvent(new Event("ended"));
  expect(first.picture.stop).toHaveBeenCalledOnce();
  expect(link.tracks.screen).toBe(second.picture);
  expect(call.own.value.screen).toBe(true);
});

it("shares no screen that is chosen after the call has ended", async () => {
  const { call, link } = await live();
  const screen = new FakeScreen();
  getDisplayMedia.mockImplementation(() => {
    call.leave();
    return Promise.resolve(screen);
  });
  await call.setSharing(true);
  expect(screen.picture.stop).toHaveBeenCalled();
  expect(link.tracks.screen).toBeNull();
});

it.each([
  [new DOMException("Permission denied", "NotAllowedError"), 0, ""],
  [new DOMException("Permission denied by system", "NotAllowedError"), 1, "privacy settings"],
  [new Error("no source"), 1, "Try again"],
])("treats a failed share of %s rightly", async (error, count, words) => {
  const { call, notices } = await live();
  getDisplayMedia.mockRejectedValue(error);
  await call.setSharing(true);
  expect(notices()).toHaveLength(count);
  expect(notices()[0] ?? "").toContain(words);
  expect(call.own.value.screen).toBe(false);
});

it("chooses devices and remembers the loudspeaker", async () => {
  const { call, media } = await live();
  void call.chooseDevice("audioinput", "m");
  void call.chooseDevice("videoinput", "c");
  void call.chooseDevice("audiooutput", "s");
  await settled();
  expect(media.choose.mock.calls).toEqual([["microphone", "m"], ["camera", "c"]]);
  expect(loadPreferences().speakerId).toBe("s");
});
