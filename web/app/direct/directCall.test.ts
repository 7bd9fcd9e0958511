import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { directRefusal, iceServers } from "../lib/api";
import { FakeLink } from "./fakes";
import { begun, live, settled, waiting } from "./testing";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), iceServers: vi.fn(), directRefusal: vi.fn() }));
vi.mock("./signalling", async () => ({ Signalling: (await import("./fakes")).FakeSignalling }));
vi.mock("../link/peerLink", async (original) => ({ ...(await original<object>()), PeerLink: (await import("./fakes")).FakeLink }));

const turn = [{ urls: "turn:127.0.0.1" }];

beforeEach(() => {
  FakeLink.made = [];
  localStorage.clear();
  vi.useFakeTimers();
  vi.mocked(iceServers).mockResolvedValue(turn);
  vi.mocked(directRefusal).mockResolvedValue(undefined);
});
afterEach(() => {
  vi.useRealTimers();
});

it("opens a session and waits in it", async () => {
  const { call, server, hear } = begun();
  expect(call.state.value.status).toBe("opening");
  await hear("NewUser", "me");
  expect(server.sent).toEqual([["SessionNew"]]);
  await hear("SessionReady", "id");
  expect(call.state.value).toMatchObject({ status: "waiting", session: "id", other: undefined });
});

it("joins the session of a link", async () => {
  const { server, hear } = begun("id");
  await hear("NewUser", "me");
  expect(server.sent).toEqual([["SessionJoin", "id"]]);
});

it("says who it was when the connection to the server comes back", async () => {
  const { server, hear } = await waiting();
  await hear("NewUser", "me again");
  expect(server.sent.slice(1)).toEqual([["UserResume", "me"], ["SessionJoin", "id"]]);
});

it("offers when it came last, and does not give way", async () => {
  const { call, server, hear } = begun("id");
  await hear("NewUser", "me");
  await hear("SessionJoinSuccess", "id");
  const link = FakeLink.last;
  expect(iceServers).toHaveBeenCalledWith("id");
  expect(link.options).toMatchObject({ polite: false, iceServers: turn });
  expect(link.begin).toHaveBeenCalledOnce();
  expect(call.state.value.status).toBe("connecting");
  link.options.send("VideoOffer", "sdp");
  expect(server.sent.at(-1)).toEqual(["VideoOffer", "sdp", "id"]);
});

it("waits for the offer of who comes after it, and gives way", async () => {
  const { hear } = await waiting();
  await hear("SessionJoinSuccess", "id");
  expect(FakeLink.made).toEqual([]);
  await hear("VideoOffer", "offer", "id");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(FakeLink.made).toHaveLength(1);
  expect(FakeLink.last.options.polite).toBe(true);
  expect(FakeLink.last.begin).not.toHaveBeenCalled();
  expect(FakeLink.last.receive.mock.calls).toEqual([["VideoOffer", "offer"]]);
});

it("offers itself when no offer comes in time", async () => {
  const { hear } = await waiting();
  await hear("SessionJoinSuccess", "id");
  await vi.advanceTimersByTimeAsync(2_900);
  expect(FakeLink.made).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(FakeLink.last.options.polite).toBe(true);
  expect(FakeLink.last.begin).toHaveBeenCalledOnce();
});

it("passes on signals in their order, each after the one before, and none of another session", async () => {
  const { server } = await live();
  const { receive } = FakeLink.last;
  let taken: () => void = () => undefined;
  receive.mockReturnValueOnce(new Promise<void>((resolve) => (taken = resolve)));
  for (const [text, session] of [["1", "id"], ["2", "id"], ["3", "other"]] as const) server.hear({ name: "IceCandidate", texts: [text, session] });
  await settled();
  expect(receive.mock.calls.slice(1)).toEqual([["IceCandidate", "1"]]);
  taken();
  await settled();
  expect(receive.mock.calls.slice(1)).toEqual([["IceCandidate", "1"], ["IceCandidate", "2"]]);
});

it("goes on after a signal that the link refuses", async () => {
  const { hear, link } = await live();
  link.receive.mockRejectedValueOnce(new Error("malformed"));
  await hear("VideoAnswer", "rubbish", "id");
  await hear("IceCandidate", "1", "id");
  expect(link.receive).toHaveBeenLastCalledWith("IceCandidate", "1");
});

it("takes candidates only for a connection that it has", async () => {
  const { hear } = await waiting();
  await hear("IceCandidate", "1", "id");
  await hear("VideoAnswer", "answer", "id");
  expect(FakeLink.made).toEqual([]);
});

it("makes a new connection for an offer of a page that was opened anew", async () => {
  const { hear, link } = await live();
  link.remoteOrigin = "- 1";
  await hear("VideoOffer", "o=- 1 5 IN IP4", "id");
  expect(FakeLink.made).toHaveLength(1);
  await hear("VideoOffer", "o=- 2 1 IN IP4", "id");
  expect(link.close).toHaveBeenCalled();
  expect(FakeLink.made).toHaveLength(2);
  expect(FakeLink.last.receive).toHaveBeenCalledWith("VideoOffer", "o=- 2 1 IN IP4");
});

it("restarts ICE when it meets the other again over a broken connection, and leaves a working one alone", async () => {
  const { hear, link } = await live();
  await hear("SessionJoinSuccess", "id");
  expect(link.restart).not.toHaveBeenCalled();
  link.state.set("interrupted");
  await hear("SessionJoinSuccess", "id");
  expect(link.restart).toHaveBeenCalledOnce();
  expect(FakeLink.made).toHaveLength(1);
});

it("follows the connection", async () => {
  const { call, link } = await live();
  expect(call.state.value).toMatchObject({ status: "live", other: { name: "Bo", stats: { quality: "good" } } });
  link.state.set("interrupted");
  expect(call.state.value.status).toBe("interrupted");
  link.state.set("live");
  link.remote.set({ camera: "picture" });
  expect(call.state.value).toMatchObject({ status: "live", other: { tracks: { camera: "picture" } } });
});

it("is refused where there is no such session, or no place in it", async () => {
  const { outcomes, server, hear } = begun("id");
  await hear("NewUser", "me");
  await hear("SessionJoinError");
  expect(outcomes).toEqual([{ kind: "refused", session: "id" }]);
  expect(server.close).toHaveBeenCalled();
});

it("opens a new session when the server has lost the one it waits in", async () => {
  const { call, server, hear, notices } = await waiting();
  await hear("SessionJoinError");
  expect(server.sent.at(-1)).toEqual(["SessionNew"]);
  expect(call.state.value).toMatchObject({ status: "opening", session: "" });
  expect(notices()).toEqual([expect.stringContaining("this call has a new link")]);
});

it("goes on with a connection whose session the server has lost", async () => {
  const { call, hear, outcomes } = await live();
  await hear("SessionJoinError");
  expect(call.state.value).toMatchObject({ status: "live", session: "id" });
  expect(outcomes).toEqual([]);
});

it("knocks at a call of two", async () => {
  const { call, hear } = begun("id");
  await hear("NewUser", "me");
  await hear("SessionKnock");
  expect(call.state.value).toMatchObject({ status: "knocking", knocks: false });
  await hear("SessionMove", "blue");
  expect(FakeLink.made).toEqual([]);
});

it.each([
  ["admit", "SessionAdmit"],
  ["refuse", "SessionRefuse"],
] as const)("can %s a third who knocks", async (answer, name) => {
  const { call, server, hear } = await live();
  await hear("SessionKnock");
  expect(call.state.value).toMatchObject({ status: "live", knocks: true });
  call[answer]();
  expect(server.sent.at(-1)).toEqual([name, "id"]);
  expect(call.state.value.knocks).toBe(false);
});

it("moves to a meeting and keeps the connection until it is closed", async () => {
  const { outcomes, hear, link } = await live();
  await hear("SessionMove", "blue");
  expect(outcomes).toEqual([{ kind: "move", room: "blue" }]);
  expect(link.close).not.toHaveBeenCalled();
});

it("ends when the server is full before there is a session", async () => {
  const { outcomes, hear } = begun();
  await hear("NewUser", "me");
  await hear("ICEError", "too many sessions");
  expect(outcomes).toMatchObject([{ kind: "ended", ending: { code: "could-not-join", text: expect.stringMatching(/as many direct calls as it takes/) as string } }]);
});

it("ends with the reason why nothing came of the server", () => {
  const { outcomes, server } = begun();
  const ending = { code: "could-not-join", heading: "h", text: "t" };
  server.onUnheard(ending);
  expect(outcomes).toEqual([{ kind: "ended", ending }]);
});

it("waits again when the other says goodbye", async () => {
  const { call, link, notices } = await live();
  link.options.onMessage({ bye: true });
  expect(link.close).toHaveBeenCalled();
  expect(call.state.value).toMatchObject({ status: "waiting", session: "id", other: undefined, knocks: false });
  expect(notices()).toEqual(["Bo left the call. The same link leads back in."]);
});

it("waits again when the other closes the connection, once", async () => {
  const { call, hear, link, notices } = await live();
  link.options.onClosed();
  expect(call.state.value.status).toBe("waiting");
  await hear("VideoOffer", "offer", "id");
  link.options.onClosed();
  expect(call.state.value.other).toBeDefined();
  expect(notices()).toHaveLength(1);
});

it("goes on without the server's word for as long as the other is heard", async () => {
  const { call, hear, link } = await live();
  await hear("ICEError", "the other has left", "id");
  expect(call.state.value.status).toBe("live");
  link.state.set("interrupted");
  expect(call.state.value).toMatchObject({ status: "waiting", other: undefined });
});

it("waits again when the server says that the other has left and nothing comes of them", async () => {
  const { call, hear, link } = await live();
  link.state.set("interrupted");
  await hear("ICEError", "the other has left", "another");
  expect(call.state.value.status).toBe("interrupted");
  await hear("ICEError", "the other has left", "id");
  expect(call.state.value.status).toBe("waiting");
});

it("takes what the other says of themselves, and nothing malformed", async () => {
  const { call, link } = await live();
  link.options.onMessage({ state: { name: " B\u200bo ", microphone: false, camera: false, screen: true } });
  const { other } = call.state.value;
  expect(other).toMatchObject({ name: "Bo", microphone: false, camera: false, screen: true });
  link.options.onMessage({ state: { name: "Bo" } });
  link.options.onMessage("bye");
  expect(call.state.value.other).toBe(other);
});

it("says its own state when the channel opens, and when it changes", async () => {
  const { call, link, media } = await live();
  const own = { name: "Ada", microphone: true, camera: true, screen: false };
  expect(link.said.at(-1)).toEqual({ state: own });
  media.camera = undefined;
  media.state.set({ ...media.state.value });
  expect(link.said.at(-1)).toEqual({ state: { ...own, camera: false } });
  expect(call.own.value).toEqual({ ...own, camera: false });
  expect(link.tracks.camera).toBeNull();
});

it("carries the chat both ways", async () => {
  vi.setSystemTime(5_000);
  const { call, link } = await live();
  await call.say("hi");
  expect(link.said.at(-1)).toEqual({ chat: { id: "1", text: "hi", at: 5_000 } });
  link.options.onMessage({ chat: { id: "1", text: "hello", at: 6_000 } });
  expect(call.state.value.messages).toEqual([
    { id: "me 1", text: "hi", at: 5_000, authorId: "me", author: "Ada", mine: true },
    { id: "other 1 6000", text: "hello", at: 6_000, authorId: "other", author: "Bo", mine: false },
  ]);
});

it("rejects a message that reaches nobody", async () => {
  const { call } = await waiting();
  await expect(call.say("hi")).rejects.toThrow();
  const { call: other, link } = await live();
  link.open = false;
  await expect(other.say("hi")).rejects.toThrow();
  expect(other.state.value.messages).toEqual([]);
});

it("leaves once, says goodbye and closes everything", async () => {
  const { call, outcomes, server, link, hear } = await live();
  call.leave();
  call.leave();
  expect(link.said.at(-1)).toEqual({ bye: true });
  expect(link.close).toHaveBeenCalledOnce();
  expect(server.close).toHaveBeenCalledOnce();
  expect(outcomes).toMatchObject([{ kind: "ended", ending: { code: "left", heading: "You left the call" } }]);
  const before = [...server.sent];
  await hear("SessionJoinSuccess", "id");
  expect(server.sent).toEqual(before);
});

it("closes without an outcome", async () => {
  const { call, outcomes, link } = await live();
  call.close();
  expect(link.close).toHaveBeenCalled();
  expect(outcomes).toEqual([]);
});

it("drops the connection that it was making when it is closed", async () => {
  let answer: (servers: RTCIceServer[]) => void = () => undefined;
  vi.mocked(iceServers).mockReturnValue(new Promise((resolve) => (answer = resolve)));
  const { call, hear } = begun("id");
  await hear("NewUser", "me");
  await hear("SessionJoinSuccess", "id");
  call.close();
  answer([]);
  await settled();
  expect(FakeLink.last.close).toHaveBeenCalled();
});
