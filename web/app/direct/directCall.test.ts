import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fetchDirectRefusal, fetchIceServers } from "../lib/api";
import { FakeTransport } from "./fakes";
import { openCall, connectedCall, flush, waitingCall } from "./testing";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), fetchIceServers: vi.fn(), fetchDirectRefusal: vi.fn() }));
vi.mock("./signalling", async () => ({ Signalling: (await import("./fakes")).FakeSignalling }));
vi.mock("../peer/peerTransport", async (original) => ({ ...(await original<object>()), PeerTransport: (await import("./fakes")).FakeTransport }));

const turn = [{ urls: "turn:127.0.0.1" }];

beforeEach(() => {
  FakeTransport.created = [];
  localStorage.clear();
  vi.useFakeTimers();
  vi.mocked(fetchIceServers).mockResolvedValue(turn);
  vi.mocked(fetchDirectRefusal).mockResolvedValue(undefined);
});
afterEach(() => {
  vi.useRealTimers();
});

it("opens a session and waits in it", async () => {
  const { call, server, receiveSignal } = openCall();
  expect(call.state.value.status).toBe("opening");
  await receiveSignal("NewUser", "me");
  expect(server.sent).toEqual([["SessionNew"]]);
  await receiveSignal("SessionReady", "id");
  expect(call.state.value).toMatchObject({ status: "waiting", session: "id", peer: undefined });
});

it("joins the session of a link", async () => {
  const { server, receiveSignal } = openCall("id");
  await receiveSignal("NewUser", "me");
  expect(server.sent).toEqual([["SessionJoin", "id"]]);
});

it("resumes its user and session when the connection to the server is restored", async () => {
  const { server, receiveSignal } = await waitingCall();
  await receiveSignal("NewUser", "me again");
  expect(server.sent.slice(1)).toEqual([["UserResume", "me"], ["SessionJoin", "id"]]);
});

it("makes the first offer as the impolite side when it joined last", async () => {
  const { call, server, receiveSignal } = openCall("id");
  await receiveSignal("NewUser", "me");
  await receiveSignal("SessionJoinSuccess", "id");
  const transport = FakeTransport.last;
  expect(fetchIceServers).toHaveBeenCalledWith("id");
  expect(transport.options).toMatchObject({ polite: false, iceServers: turn });
  expect(transport.startOffer).toHaveBeenCalledOnce();
  expect(call.state.value.status).toBe("connecting");
  transport.options.send("VideoOffer", "sdp");
  expect(server.sent.at(-1)).toEqual(["VideoOffer", "sdp", "id"]);
});

it("awaits the offer as the polite side when the peer joins last", async () => {
  const { receiveSignal } = await waitingCall();
  await receiveSignal("SessionJoinSuccess", "id");
  expect(FakeTransport.created).toEqual([]);
  await receiveSignal("VideoOffer", "offer", "id");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(FakeTransport.created).toHaveLength(1);
  expect(FakeTransport.last.options.polite).toBe(true);
  expect(FakeTransport.last.startOffer).not.toHaveBeenCalled();
  expect(FakeTransport.last.handleSignal.mock.calls).toEqual([["VideoOffer", "offer"]]);
});

it("makes an offer itself when none arrives within three seconds", async () => {
  const { receiveSignal } = await waitingCall();
  await receiveSignal("SessionJoinSuccess", "id");
  await vi.advanceTimersByTimeAsync(2_900);
  expect(FakeTransport.created).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(FakeTransport.last.options.polite).toBe(true);
  expect(FakeTransport.last.startOffer).toHaveBeenCalledOnce();
});

it("handles signals of its session one at a time and drops those of other sessions", async () => {
  const { server } = await connectedCall();
  const { handleSignal } = FakeTransport.last;
  let resolveFirst: () => void = () => undefined;
  handleSignal.mockReturnValueOnce(new Promise<void>((resolve) => (resolveFirst = resolve)));
  for (const [text, session] of [["1", "id"], ["2", "id"], ["3", "other"]] as const) server.onSignal({ name: "IceCandidate", texts: [text, session] });
  await flush();
  expect(handleSignal.mock.calls.slice(1)).toEqual([["IceCandidate", "1"]]);
  resolveFirst();
  await flush();
  expect(handleSignal.mock.calls.slice(1)).toEqual([["IceCandidate", "1"], ["IceCandidate", "2"]]);
});

it("continues after a signal that the transport rejects", async () => {
  const { receiveSignal, transport } = await connectedCall();
  transport.handleSignal.mockRejectedValueOnce(new Error("malformed"));
  await receiveSignal("VideoAnswer", "rubbish", "id");
  await receiveSignal("IceCandidate", "1", "id");
  expect(transport.handleSignal).toHaveBeenLastCalledWith("IceCandidate", "1");
});

it("creates no transport for a candidate or an answer", async () => {
  const { receiveSignal } = await waitingCall();
  await receiveSignal("IceCandidate", "1", "id");
  await receiveSignal("VideoAnswer", "answer", "id");
  expect(FakeTransport.created).toEqual([]);
});

it("replaces the transport when a reloaded page makes an offer", async () => {
  const { receiveSignal, transport } = await connectedCall();
  transport.remoteOrigin = "- 1";
  await receiveSignal("VideoOffer", "o=- 1 5 IN IP4", "id");
  expect(FakeTransport.created).toHaveLength(1);
  await receiveSignal("VideoOffer", "o=- 2 1 IN IP4", "id");
  expect(transport.close).toHaveBeenCalled();
  expect(FakeTransport.created).toHaveLength(2);
  expect(FakeTransport.last.handleSignal).toHaveBeenCalledWith("VideoOffer", "o=- 2 1 IN IP4");
});

it("restarts ICE of an interrupted connection, and not of a working one, when the peer is present again", async () => {
  const { receiveSignal, transport } = await connectedCall();
  await receiveSignal("SessionJoinSuccess", "id");
  expect(transport.restartIce).not.toHaveBeenCalled();
  transport.state.set("interrupted");
  await receiveSignal("SessionJoinSuccess", "id");
  expect(transport.restartIce).toHaveBeenCalledOnce();
  expect(FakeTransport.created).toHaveLength(1);
});

it("updates status and tracks from the transport", async () => {
  const { call, transport } = await connectedCall();
  expect(call.state.value).toMatchObject({ status: "connected", peer: { name: "Bo", stats: { quality: "good" } } });
  transport.state.set("interrupted");
  expect(call.state.value.status).toBe("interrupted");
  transport.state.set("connected");
  transport.remote.set({ camera: "stream" });
  expect(call.state.value).toMatchObject({ status: "connected", peer: { tracks: { camera: "stream" } } });
});

it("ends as refused when the session does not exist or is full", async () => {
  const { outcomes, server, receiveSignal } = openCall("id");
  await receiveSignal("NewUser", "me");
  await receiveSignal("SessionJoinError");
  expect(outcomes).toEqual([{ kind: "refused", session: "id" }]);
  expect(server.close).toHaveBeenCalled();
});

it("opens a new session when the server has lost the one it was waiting in", async () => {
  const { call, server, receiveSignal, notices } = await waitingCall();
  await receiveSignal("SessionJoinError");
  expect(server.sent.at(-1)).toEqual(["SessionNew"]);
  expect(call.state.value).toMatchObject({ status: "opening", session: "" });
  expect(notices()).toEqual([expect.stringContaining("this call has a new link")]);
});

it("continues a connected call when the server has lost its session", async () => {
  const { call, receiveSignal, outcomes } = await connectedCall();
  await receiveSignal("SessionJoinError");
  expect(call.state.value).toMatchObject({ status: "connected", session: "id" });
  expect(outcomes).toEqual([]);
});

it("waits to be admitted when the call already has two people", async () => {
  const { call, receiveSignal } = openCall("id");
  await receiveSignal("NewUser", "me");
  await receiveSignal("SessionKnock");
  expect(call.state.value).toMatchObject({ status: "knocking", knockPending: false });
  await receiveSignal("SessionMove", "blue");
  expect(FakeTransport.created).toEqual([]);
});

it.each([
  ["admit", "SessionAdmit"],
  ["deny", "SessionRefuse"],
] as const)("sends the answer to a knock: %s", async (answer, name) => {
  const { call, server, receiveSignal } = await connectedCall();
  await receiveSignal("SessionKnock");
  expect(call.state.value).toMatchObject({ status: "connected", knockPending: true });
  call[answer]();
  expect(server.sent.at(-1)).toEqual([name, "id"]);
  expect(call.state.value.knockPending).toBe(false);
});

it("keeps the direct connection open while the call moves to a meeting", async () => {
  const { outcomes, receiveSignal, transport } = await connectedCall();
  await receiveSignal("SessionMove", "blue");
  expect(outcomes).toEqual([{ kind: "move", room: "blue" }]);
  expect(transport.close).not.toHaveBeenCalled();
});

it("ends with an explanation when the server has too many sessions", async () => {
  const { outcomes, receiveSignal } = openCall();
  await receiveSignal("NewUser", "me");
  await receiveSignal("ICEError", "too many sessions");
  expect(outcomes).toMatchObject([{ kind: "ended", ending: { code: "could-not-join", text: expect.stringMatching(/limit of direct calls/) as string } }]);
});

it("ends with the reason when the server sends nothing", () => {
  const { outcomes, server } = openCall();
  const ending = { code: "could-not-join", heading: "h", text: "t" };
  server.onNoResponse(ending);
  expect(outcomes).toEqual([{ kind: "ended", ending }]);
});

it("waits again when the peer sends bye", async () => {
  const { call, transport, notices } = await connectedCall();
  transport.options.onMessage({ bye: true });
  expect(transport.close).toHaveBeenCalled();
  expect(call.state.value).toMatchObject({ status: "waiting", session: "id", peer: undefined, knockPending: false });
  expect(notices()).toEqual(["Bo left the call. They can rejoin with the same link."]);
});

it("waits again when the peer closes the connection, and ignores a second close", async () => {
  const { call, receiveSignal, transport, notices } = await connectedCall();
  transport.options.onClosed();
  expect(call.state.value.status).toBe("waiting");
  await receiveSignal("VideoOffer", "offer", "id");
  transport.options.onClosed();
  expect(call.state.value.peer).toBeDefined();
  expect(notices()).toHaveLength(1);
});

it("continues when the peer loses the server, until the direct connection is interrupted", async () => {
  const { call, receiveSignal, transport } = await connectedCall();
  await receiveSignal("ICEError", "the other has left", "id");
  expect(call.state.value.status).toBe("connected");
  transport.state.set("interrupted");
  expect(call.state.value).toMatchObject({ status: "waiting", peer: undefined });
});

it("waits again when the direct connection is interrupted and then the peer leaves the server", async () => {
  const { call, receiveSignal, transport } = await connectedCall();
  transport.state.set("interrupted");
  await receiveSignal("ICEError", "the other has left", "another");
  expect(call.state.value.status).toBe("interrupted");
  await receiveSignal("ICEError", "the other has left", "id");
  expect(call.state.value.status).toBe("waiting");
});

it("updates the peer from its state messages and ignores malformed ones", async () => {
  const { call, transport } = await connectedCall();
  transport.options.onMessage({ state: { name: " B\u200bo ", microphone: false, camera: false, screen: true } });
  const { peer } = call.state.value;
  expect(peer).toMatchObject({ name: "Bo", microphone: false, camera: false, screen: true });
  transport.options.onMessage({ state: { name: "Bo" } });
  transport.options.onMessage("bye");
  expect(call.state.value.peer).toBe(peer);
});

it("sends its state when the channel opens and when the state changes", async () => {
  const { call, transport, media } = await connectedCall();
  const own = { name: "Ada", microphone: true, camera: true, screen: false };
  expect(transport.sentMessages.at(-1)).toEqual({ state: own });
  media.camera = undefined;
  media.state.set({ ...media.state.value });
  expect(transport.sentMessages.at(-1)).toEqual({ state: { ...own, camera: false } });
  expect(call.localState.value).toEqual({ ...own, camera: false });
  expect(transport.tracks.camera).toBeNull();
});

it("sends and receives chat messages", async () => {
  vi.setSystemTime(5_000);
  const { call, transport } = await connectedCall();
  await call.sendChat("hi");
  expect(transport.sentMessages.at(-1)).toEqual({ chat: { id: "1", text: "hi", at: 5_000 } });
  transport.options.onMessage({ chat: { id: "1", text: "hello", at: 6_000 } });
  expect(call.state.value.messages).toEqual([
    { id: "me 1", text: "hi", at: 5_000, authorId: "me", author: "Ada", mine: true },
    { id: "other 1 6000", text: "hello", at: 6_000, authorId: "other", author: "Bo", mine: false },
  ]);
});

it("rejects a chat message when nobody is connected", async () => {
  const { call } = await waitingCall();
  await expect(call.sendChat("hi")).rejects.toThrow();
  const { call: other, transport } = await connectedCall();
  transport.open = false;
  await expect(other.sendChat("hi")).rejects.toThrow();
  expect(other.state.value.messages).toEqual([]);
});

it("sends bye and closes everything once when it is left", async () => {
  const { call, outcomes, server, transport, receiveSignal } = await connectedCall();
  call.leave();
  call.leave();
  expect(transport.sentMessages.at(-1)).toEqual({ bye: true });
  expect(transport.close).toHaveBeenCalledOnce();
  expect(server.close).toHaveBeenCalledOnce();
  expect(outcomes).toMatchObject([{ kind: "ended", ending: { code: "left", heading: "You left the call" } }]);
  const before = [...server.sent];
  await receiveSignal("SessionJoinSuccess", "id");
  expect(server.sent).toEqual(before);
});

it("reports no outcome when it is closed", async () => {
  const { call, outcomes, transport } = await connectedCall();
  call.close();
  expect(transport.close).toHaveBeenCalled();
  expect(outcomes).toEqual([]);
});

it("closes a transport that was being created when the call was closed", async () => {
  let answer: (servers: RTCIceServer[]) => void = () => undefined;
  vi.mocked(fetchIceServers).mockReturnValue(new Promise((resolve) => (answer = resolve)));
  const { call, receiveSignal } = openCall("id");
  await receiveSignal("NewUser", "me");
  await receiveSignal("SessionJoinSuccess", "id");
  call.close();
  answer([]);
  await flush();
  expect(FakeTransport.last.close).toHaveBeenCalled();
});
