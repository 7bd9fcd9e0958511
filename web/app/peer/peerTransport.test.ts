import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type PeerTransportOptions, sessionOrigin, PeerTransport } from "./peerTransport";
import { FakePeerConnection, track } from "./testing";

beforeEach(() => {
  FakePeerConnection.created = [];
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeerConnection);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** An offer with media sections for microphone, camera, screen and screen audio, and a data channel. */
const remoteOffer = "v=0\r\no=- their 1 IN IP4 127.0.0.1\r\nm=audio 9\r\nm=video 9\r\nm=video 9\r\nm=audio 9\r\nm=application 9\r\n";
const remoteAnswer = "v=0\r\no=- their 1 IN IP4 127.0.0.1\r\n";

function makeTransport(polite = true) {
  const sent: [name: string, text: string][] = [];
  const [onOpen, onMessage, onClosed] = [vi.fn(), vi.fn<PeerTransportOptions["onMessage"]>(), vi.fn()];
  const transport = new PeerTransport({ polite, iceServers: [{ urls: "stun:127.0.0.1" }], send: (name, text) => sent.push([name, text]), onOpen, onMessage, onClosed });
  return { transport, pc: FakePeerConnection.last, sent, names: () => sent.map(([name]) => name), onOpen, onMessage, onClosed };
}

const flush = () => vi.advanceTimersByTimeAsync(0);

/** connected returns a transport whose offer has been answered and that is connected. */
async function connected(polite = false) {
  const made = makeTransport(polite);
  made.transport.startOffer();
  await flush();
  await made.transport.handleSignal("VideoAnswer", remoteAnswer);
  made.pc.setConnectionState("connected");
  return made;
}

it("offers a media section for each role and the data channel in one offer", async () => {
  const { transport, pc, names } = makeTransport();
  const camera = track("video", "camera");
  transport.setTrack("camera", camera);
  expect(pc.transceivers, "nothing is offered before startOffer").toEqual([]);
  transport.startOffer();
  await flush();
  expect(pc.configuration).toEqual({ iceServers: [{ urls: "stun:127.0.0.1" }] });
  expect(pc.transceivers.map(({ receiver, direction }) => [receiver.track.kind, direction])).toEqual([
    ["audio", "sendrecv"],
    ["video", "sendrecv"],
    ["video", "sendrecv"],
    ["audio", "sendrecv"],
  ]);
  expect(pc.transceivers.map(({ sender }) => sender.track)).toEqual([null, camera, null, null]);
  expect(pc.channels.map(({ options }) => options)).toEqual([{ negotiated: true, id: 0 }]);
  expect(names()).toEqual(["VideoOffer"]);
});

it("answers an offer with the tracks that were set before", async () => {
  const { transport, pc, sent } = makeTransport();
  const microphone = track("audio", "microphone");
  const screen = track("video", "screen");
  transport.setTrack("microphone", microphone);
  transport.setTrack("screen", screen);
  await transport.handleSignal("VideoOffer", remoteOffer);
  expect(sent.map(([name]) => name)).toEqual(["VideoAnswer"]);
  expect(sent[0]?.[1]).toBe(pc.localDescription?.sdp);
  expect(pc.transceivers.map(({ sender }) => sender.track)).toEqual([microphone, null, screen, null]);
  expect(new Set(pc.transceivers.map(({ direction }) => direction))).toEqual(new Set(["sendrecv"]));
  expect(pc.channels).toHaveLength(1);
});

it("lists the peer's tracks by role, the second of a kind as the screen's", async () => {
  const { transport, pc } = makeTransport();
  await transport.handleSignal("VideoOffer", remoteOffer);
  const [microphone, camera, screen, screenAudio] = ["audio 0", "video 0", "video 1", "audio 1"].map((section) => {
    const [kind, index] = section.split(" ");
    return pc.transceivers.filter(({ receiver }) => receiver.track.kind === kind)[Number(index)]?.receiver.track;
  });
  expect(transport.remote.value).toEqual({ microphone, camera, screen, screenAudio });
});

it("creates no data channel for an offer without one", async () => {
  const { transport, pc, sent } = makeTransport();
  await transport.handleSignal("VideoOffer", remoteOffer.replace(/m=application.*\r\n/, ""));
  expect(sent).toHaveLength(1);
  expect(pc.channels).toEqual([]);
});

it("accepts a colliding offer when it is polite", async () => {
  const { transport, pc, names } = makeTransport(true);
  transport.startOffer();
  await flush();
  await transport.handleSignal("VideoOffer", remoteOffer);
  expect(names()).toEqual(["VideoOffer", "VideoAnswer"]);
  expect(pc.signalingState).toBe("stable");
  expect(pc.transceivers, "media sections are not created twice").toHaveLength(4);
});

it("ignores a colliding offer and accepts the answer to its own when it is impolite", async () => {
  const { transport, pc, names } = makeTransport(false);
  transport.startOffer();
  await flush();
  await transport.handleSignal("VideoOffer", remoteOffer);
  expect(names()).toEqual(["VideoOffer"]);
  expect(pc.remoteDescription).toBeNull();
  await transport.handleSignal("VideoAnswer", remoteAnswer);
  expect(pc.signalingState).toBe("stable");
  expect(pc.remoteDescription?.type).toBe("answer");
});

it("ignores an offer that arrives while it creates its own when it is impolite", async () => {
  const { transport, pc, names } = makeTransport(false);
  transport.startOffer();
  await Promise.resolve(); // negotiationneeded has fired, the description is not set yet
  expect(pc.signalingState).toBe("stable");
  await transport.handleSignal("VideoOffer", remoteOffer);
  await flush();
  expect(names()).toEqual(["VideoOffer"]);
  expect(pc.remoteDescription).toBeNull();
});

it("sends candidates as JSON, without the end-of-candidates indication", () => {
  const { pc, sent } = makeTransport();
  pc.addLocalCandidate("candidate:1");
  pc.addLocalCandidate("");
  pc.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: null }));
  expect(sent).toEqual([["IceCandidate", '{"candidate":"candidate:1","sdpMid":"0"}']]);
});

it("adds the peer's candidates and drops malformed ones", async () => {
  const { transport, pc } = makeTransport();
  await transport.handleSignal("IceCandidate", '{"candidate":"candidate:1"}');
  await transport.handleSignal("IceCandidate", "hello");
  pc.addIceCandidate.mockRejectedValueOnce(new DOMException("no", "OperationError"));
  await transport.handleSignal("IceCandidate", '{"candidate":"candidate:2"}');
  expect(pc.addIceCandidate.mock.calls).toEqual([[{ candidate: "candidate:1" }], [{ candidate: "candidate:2" }]]);
});

it("rejects when the browser refuses a description", async () => {
  const { transport, pc } = makeTransport();
  vi.spyOn(pc, "setRemoteDescription").mockRejectedValue(new DOMException("no", "OperationError"));
  await expect(transport.handleSignal("VideoOffer", "rubbish")).rejects.toThrow("no");
});

it("replaces or removes a track without a new offer", async () => {
  const { transport, pc, names } = await connected();
  const camera = track("video", "camera");
  transport.setTrack("camera", camera);
  transport.setTrack("camera", camera);
  transport.setTrack("camera", null);
  transport.setTrack("camera", null);
  await flush();
  expect(pc.transceivers[1]?.sender.replaceTrack.mock.calls).toEqual([[camera], [null]]);
  expect(names()).toEqual(["VideoOffer"]);
});

it("is interrupted when it loses its connection, and connected when it recovers", async () => {
  const { transport, pc } = makeTransport();
  expect(transport.state.value).toBe("connecting");
  transport.startOffer();
  await flush();
  await transport.handleSignal("VideoAnswer", remoteAnswer);
  pc.setConnectionState("connecting");
  expect(transport.state.value).toBe("connecting");
  pc.setConnectionState("connected");
  expect(transport.state.value).toBe("connected");
  pc.setConnectionState("disconnected");
  expect(transport.state.value).toBe("interrupted");
  pc.setConnectionState("connected");
  expect(transport.state.value).toBe("connected");
});

it("restarts ICE after 2.5 seconds of disconnection, not when it recovers before", async () => {
  const { pc, names } = await connected();
  pc.setConnectionState("disconnected");
  await vi.advanceTimersByTimeAsync(2_400);
  pc.setConnectionState("connected");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pc.restartIce).not.toHaveBeenCalled();
  pc.setConnectionState("disconnected");
  await vi.advanceTimersByTimeAsync(2_500);
  expect(pc.restartIce).toHaveBeenCalledOnce();
  expect(names(), "the restart is offered").toEqual(["VideoOffer", "VideoOffer"]);
});

it("restarts ICE immediately when the connection fails", async () => {
  const { transport, pc } = await connected();
  pc.setConnectionState("failed");
  expect(transport.state.value).toBe("interrupted");
  expect(pc.restartIce).toHaveBeenCalledOnce();
});

it("keeps connecting and restarts ICE when the first attempt fails", async () => {
  const { transport, pc } = makeTransport();
  await transport.handleSignal("VideoOffer", remoteOffer);
  pc.setConnectionState("failed");
  expect(transport.state.value).toBe("connecting");
  expect(pc.restartIce).toHaveBeenCalledOnce();
});

it("restarts ICE after a change of network once it has a remote description", async () => {
  const { transport, pc } = makeTransport();
  window.dispatchEvent(new Event("online"));
  transport.restartIce();
  expect(pc.restartIce).not.toHaveBeenCalled();
  await transport.handleSignal("VideoOffer", remoteOffer);
  window.dispatchEvent(new Event("online"));
  expect(pc.restartIce).toHaveBeenCalledOnce();
});

it("sends messages only while its data channel is open", async () => {
  const { transport, pc, onOpen } = await connected();
  const [channel] = pc.channels;
  expect(transport.sendMessage({ a: 1 })).toBe(false);
  channel?.open();
  expect(onOpen).toHaveBeenCalledOnce();
  expect(transport.sendMessage({ a: 1 })).toBe(true);
  expect(channel?.sent).toEqual(['{"a":1}']);
});

it("passes on JSON messages of the peer and drops others", async () => {
  const { pc, onMessage } = await connected();
  const [channel] = pc.channels;
  channel?.receive('{"a":1}');
  channel?.receive("hello");
  channel?.receive(new ArrayBuffer(1));
  expect(onMessage.mock.calls).toEqual([[{ a: 1 }]]);
});

it("calls onClosed when the peer closes the connection, not when it is closed here", async () => {
  const closedByPeer = await connected();
  closedByPeer.pc.channels[0]?.dispatchEvent(new Event("close"));
  expect(closedByPeer.onClosed).toHaveBeenCalledOnce();
  const closedHere = await connected();
  closedHere.transport.close();
  closedHere.pc.channels[0]?.dispatchEvent(new Event("close"));
  expect(closedHere.onClosed).not.toHaveBeenCalled();
});

it("handles and sends nothing after it is closed", async () => {
  const { transport, pc, sent } = await connected();
  pc.setConnectionState("disconnected");
  transport.close();
  expect(pc.signalingState).toBe("closed");
  const before = sent.length;
  await transport.handleSignal("VideoOffer", remoteOffer);
  await transport.handleSignal("IceCandidate", "{}");
  pc.addLocalCandidate("candidate:1");
  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toHaveLength(before);
  expect(pc.addIceCandidate).not.toHaveBeenCalled();
  expect(pc.restartIce).not.toHaveBeenCalled();
});

it("sends no offer that was being created when it was closed", async () => {
  const { transport, names } = makeTransport();
  transport.startOffer();
  await Promise.resolve();
  transport.close();
  await flush();
  expect(names()).toEqual([]);
});

it("reads statistics from when it is connected until it is closed", async () => {
  const { transport, pc } = makeTransport();
  const getStats = vi.spyOn(pc, "getStats");
  pc.stats = [{ type: "inbound-rtp", kind: "audio", audioLevel: 0.5, packetsReceived: 10, packetsLost: 0 }];
  await vi.advanceTimersByTimeAsync(2_000);
  expect(getStats).not.toHaveBeenCalled();
  pc.setConnectionState("connected");
  await vi.advanceTimersByTimeAsync(500);
  expect(transport.stats.value).toMatchObject({ remoteLevel: 0.5, quality: "excellent" });
  transport.close();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(getStats).toHaveBeenCalledOnce();
});

it("counts the received packets and frames of each role", async () => {
  const { transport, pc } = await connected();
  pc.stats = [
    { type: "inbound-rtp", mid: "0", kind: "audio", packetsReceived: 7 },
    { type: "inbound-rtp", mid: "2", kind: "video", framesReceived: 3, packetsReceived: 90 },
    { type: "outbound-rtp", mid: "1", kind: "video", framesSent: 5 },
    { type: "inbound-rtp", mid: "9", kind: "audio", packetsReceived: 1 },
  ];
  expect(await transport.receivedCounts()).toEqual({ microphone: 7, screen: 3 });
});

it("reads the session origin of a description in SDP or JSON", async () => {
  expect(sessionOrigin(remoteOffer)).toBe("- their");
  expect(sessionOrigin(JSON.stringify({ type: "offer", sdp: remoteOffer }))).toBe("- their");
  expect(sessionOrigin(remoteOffer.replace("their", "another"))).not.toBe(sessionOrigin(remoteOffer));
  const { transport } = makeTransport();
  expect(transport.remoteOrigin).toBeUndefined();
  await transport.handleSignal("VideoOffer", JSON.stringify({ type: "offer", sdp: remoteOffer }));
  expect(transport.remoteOrigin).toBe(sessionOrigin(remoteOffer));
});
