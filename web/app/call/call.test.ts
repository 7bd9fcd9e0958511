import { ConnectionError, DisconnectReason, RoomEvent } from "livekit-client";
import { beforeEach, expect, it, vi } from "vitest";
import type { Ending } from "../features/ended/ending";
import { ApiError, fetchConnectionDetails, fetchRoomRefusal } from "../lib/api";
import { State } from "../lib/observable";
import { loadPreferences } from "../lib/storage";
import type { LocalMedia } from "../media/localMedia";
import { Call } from "./call";
import { roomAccess } from "./roomAccess";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), fetchConnectionDetails: vi.fn(), fetchRoomRefusal: vi.fn() }));

// Returns the media that the preview hands to a call: the microphone's track, and no camera, which was not granted yet.
const fakeMedia = () => {
  const tracks: Record<string, unknown> = { microphone: { stop: vi.fn() } };
  const state = new State<unknown>(0);
  return {
    state,
    tracks,
    stop: vi.fn(),
    takeTrack: (kind: string) => {
      const track = tracks[kind];
      tracks[kind] = undefined;
      return track;
    },
  };
};

const setUp = () => {
  const media = fakeMedia();
  const endings: Ending[] = [];
  const call = new Call(media as unknown as LocalMedia, loadPreferences(), (ending) => endings.push(ending));
  const connect = vi.spyOn(call.room, "connect").mockResolvedValue();
  const disconnect = vi.spyOn(call.room, "disconnect").mockResolvedValue();
  const publish = vi.spyOn(call.room.localParticipant, "publishTrack").mockResolvedValue({} as never);
  return { media, endings, call, connect, disconnect, publish };
};

beforeEach(() => {
  localStorage.clear();
  vi.mocked(fetchRoomRefusal).mockReset();
  vi.mocked(fetchConnectionDetails).mockResolvedValue({
    serverUrl: "ws://meet.test",
    roomName: "standup",
    participantName: "Ada",
    participantToken: "token",
  });
});

it("connects with the fetched token and publishes the tracks that are ready", async () => {
  const { call, connect, publish, media } = setUp();
  const { microphone } = media.tracks;
  await call.join(roomAccess("standup"), "Ada");
  expect(connect).toHaveBeenCalledWith("ws://meet.test", "token");
  expect(publish.mock.calls).toEqual([[microphone]]);
  expect(call.status.value).toBe("connected");
});

it("publishes a track that arrives later, unless the call has ended", async () => {
  const { call, publish, media } = setUp();
  await call.join(roomAccess("standup"), "Ada");
  media.tracks.camera = { stop: vi.fn() };
  media.state.set(1);
  expect(publish).toHaveBeenCalledTimes(2);
  call.leave();
  media.tracks.camera = { stop: vi.fn() };
  media.state.set(2);
  expect(publish).toHaveBeenCalledTimes(2);
});

it("ends with the API's error when no token is granted", async () => {
  const { call, endings, media } = setUp();
  vi.mocked(fetchConnectionDetails).mockRejectedValue(new ApiError("The name is too long."));
  await call.join(roomAccess("standup"), "Ada");
  expect(endings).toMatchObject([{ code: "could-not-join", text: "The name is too long." }]);
  expect(media.stop).toHaveBeenCalled();
});

it("ends only once, with the first reason", () => {
  const { call, endings, disconnect } = setUp();
  call.leave();
  call.room.emit(RoomEvent.Disconnected, DisconnectReason.SERVER_SHUTDOWN);
  expect(endings.map(({ code }) => code)).toEqual(["left"]);
  expect(disconnect).toHaveBeenCalledOnce();
});

it("ends with the server's reason when it is disconnected", async () => {
  const { call, endings } = setUp();
  await call.join(roomAccess("standup"), "Ada");
  call.room.emit(RoomEvent.Disconnected, DisconnectReason.PARTICIPANT_REMOVED);
  expect(endings.map(({ code }) => code)).toEqual(["removed"]);
});

it("ends with the server's reason when it is disconnected while joining", async () => {
  const { call, endings, connect } = setUp();
  connect.mockReturnValue(new Promise(() => undefined));
  void call.join(roomAccess("standup"), "Ada");
  await vi.waitFor(() => expect(connect).toHaveBeenCalled());
  call.room.emit(RoomEvent.Disconnected, DisconnectReason.ROOM_DELETED);
  await vi.waitFor(() => expect(endings.map(({ code }) => code)).toEqual(["ended"]));
});

it("ends with the server's refusal, although the room emits Disconnected first", async () => {
  const { call, endings, connect } = setUp();
  connect.mockImplementation(() => {
    call.room.emit(RoomEvent.Disconnected, DisconnectReason.UNKNOWN_REASON);
    return Promise.reject(ConnectionError.websocket("failed"));
  });
  // The server answers after the room has emitted Disconnected.
  vi.mocked(fetchRoomRefusal).mockImplementation(() => new Promise((resolve) => setTimeout(() => resolve("The room is full."), 10)));
  await call.join(roomAccess("standup"), "Ada");
  expect(endings).toMatchObject([{ code: "could-not-join", text: "The room is full." }]);
  expect(fetchRoomRefusal).toHaveBeenCalledWith("ws://meet.test", "token");
});

it("fetches no refusal when the person left while joining", async () => {
  const { call, endings, connect } = setUp();
  connect.mockImplementation(() => {
    call.leave();
    return Promise.reject(ConnectionError.cancelled("left"));
  });
  await call.join(roomAccess("standup"), "Ada");
  expect(endings.map(({ code }) => code)).toEqual(["left"]);
  expect(fetchRoomRefusal).not.toHaveBeenCalled();
});

it("sets its status from the room's connection events", () => {
  const { call } = setUp();
  call.room.emit(RoomEvent.SignalReconnecting);
  expect(call.status.value).toBe("reconnecting");
  call.room.emit(RoomEvent.Reconnected);
  expect(call.status.value).toBe("connected");
});

it("stores that a device was switched off, and shows a notice when switching fails", async () => {
  const { call } = setUp();
  vi.spyOn(call.room.localParticipant, "setCameraEnabled").mockRejectedValue(new DOMException("x", "NotFoundError"));
  vi.stubGlobal("navigator", { mediaDevices: {} });
  await call.setDevice("camera", false);
  vi.unstubAllGlobals();
  expect(loadPreferences().camera).toBe(false);
  expect(call.notices.items.value.map(({ text }) => text)).toEqual([expect.stringContaining("No camera was found")]);
});

it.each([
  [new DOMException("Permission denied", "NotAllowedError"), 0, ""],
  [new DOMException("Permission denied by system", "NotAllowedError"), 1, "privacy settings"],
  [new Error("negotiation"), 1, "Try again"],
])("shows a notice when sharing fails with %s, but none when the picker is dismissed", async (error, count, words) => {
  const { call } = setUp();
  vi.spyOn(call.room.localParticipant, "setScreenShareEnabled").mockRejectedValue(error);
  await call.setSharing(true);
  expect(call.notices.items.value).toHaveLength(count);
  expect(call.notices.items.value[0]?.text ?? "").toContain(words);
});

it.each([
  ["audioinput", "microphoneId", /microphone/],
  ["videoinput", "cameraId", /camera/],
  ["audiooutput", "speakerId", /speaker could not be changed/],
] as const)("stores the chosen device of kind %s, and shows a notice when the change fails", async (kind, preference, words) => {
  const { call } = setUp();
  const switched = vi.spyOn(call.room, "switchActiveDevice").mockResolvedValue(true);
  await call.chooseDevice(kind, "");
  expect(switched).toHaveBeenLastCalledWith(kind, "default");
  expect(call.notices.items.value).toEqual([]);
  switched.mockRejectedValue(new DOMException("x", "OverconstrainedError"));
  vi.stubGlobal("navigator", { mediaDevices: {} });
  await call.chooseDevice(kind, "x");
  vi.unstubAllGlobals();
  expect(loadPreferences()[preference]).toBe("x");
  expect(call.notices.items.value.map(({ text }) => text)).toEqual([expect.stringMatching(words)]);
});
