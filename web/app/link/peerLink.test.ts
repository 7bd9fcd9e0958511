import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type LinkOptions, originOf, PeerLink } from "./peerLink";
import { FakeConnection, track } from "./testing";

beforeEach(() => {
  FakeConnection.made = [];
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakeConnection);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** What a browser offers: a microphone, a camera, a screen, its sound, and a data channel. */
const theirOffer = "v=0\r\no=- their 1 IN IP4 127.0.0.1\r\nm=audio 9\r\nm=video 9\r\nm=video 9\r\nm=audio 9\r\nm=application 9\r\n";
const theirAnswer = "v=0\r\no=- their 1 IN IP4 127.0.0.1\r\n";

function makeLink(polite = true) {
  const sent: [name: string, text: string][] = [];
  const [onOpen, onMessage, onClosed] = [vi.fn(), vi.fn<LinkOptions["onMessage"]>(), vi.fn()];
  const link = new PeerLink({ polite, iceServers: [{ urls: "stun:127.0.0.1" }], send: (name, text) => sent.push([name, text]), onOpen, onMessage, onClosed });
  return { link, pc: FakeConnection.last, sent, names: () => sent.map(([name]) => name), onOpen, onMessage, onClosed };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

/** A link that has begun and whose offer has been answered. */
async function connected(polite = false) {
  const made = makeLink(polite);
  made.link.begin();
  await settled();
  await made.link.receive("VideoAnswer", theirAnswer);
  made.pc.become("connected");
  return made;
}

it("offers a section for each role and the channel, all in one offer", async () => {
  const { link, pc, names } = makeLink();
  const camera = track("video", "camera");
  link.setTrack("camera", camera);
  expect(pc.transceivers, "nothing is offered before begin").toEqual([]);
  link.begin();
  await settled();
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

it("answers an offer with the tracks that were set before it came", async () => {
  const { link, pc, sent } = makeLink();
  const microphone = track("audio", "microphone");
  const screen = track("video", "screen");
  link.setTrack("microphone", microphone);
  link.setTrack("screen", screen);
  await link.receive("VideoOffer", theirOffer);
  expect(sent.map(([name]) => name)).toEqual(["VideoAnswer"]);
  expect(sent[0]?.[1]).toBe(pc.localDescription?.sdp);
  expect(pc.transceivers.map(({ sender }) => sender.track)).toEqual([microphone, null, screen, null]);
  expect(new Set(pc.transceivers.map(({ direction }) => direction))).toEqual(new Set(["sendrecv"]));
  expect(pc.channels).toHaveLength(1);
});

it("lists the other's tracks by role, the second of a kind as the screen's", async () => {
  const { link, pc } = makeLink();
  await link.receive("VideoOffer", theirOffer);
  const [microphone, camera, screen, screenSound] = ["audio 0", "video 0", "video 1", "audio 1"].map((which) => {
    const [kind, index] = which.split(" ");
    return pc.transceivers.filter(({ receiver }) => receiver.track.kind === kind)[Number(index)]?.receiver.track;
  });
  expect(link.remote.value).toEqual({ microphone, camera, screen, screenSound });
});

it("opens no channel for an offer without one", async () => {
  const { link, pc, sent } = makeLink();
  await link.receive("VideoOffer", theirOffer.replace(/m=application.*\r\n/, ""));
  expect(sent).toHaveLength(1);
  expect(pc.channels).toEqual([]);
});

it("gives way to a colliding offer when it is polite", async () => {
  const { link, pc, names } = makeLink(true);
  link.begin();
  await settled();
  await link.receive("VideoOffer", theirOffer);
  expect(names()).toEqual(["VideoOffer", "VideoAnswer"]);
  expect(pc.signalingState).toBe("stable");
  expect(pc.transceivers, "sections are not made twice").toHaveLength(4);
});

it("ignores a colliding offer when it is not polite, and takes the answer to its own", async () => {
  const { link, pc, names } = makeLink(false);
  link.begin();
  await settled();
  await link.receive("VideoOffer", theirOffer);
  expect(names()).toEqual(["VideoOffer"]);
  expect(pc.remoteDescription).toBeNull();
  await link.receive("VideoAnswer", theirAnswer);
  expect(pc.signalingState).toBe("stable");
  expect(pc.remoteDescription?.type).toBe("answer");
});

it("ignores an offer that comes while its own is being made, when it is not polite", async () => {
  const { link, pc, names } = makeLink(false);
  link.begin();
  await Promise.resolve(); // negotiationneeded has fired, the description is not set yet
  expect(pc.signalingState).toBe("stable");
  await link.receive("VideoOffer", theirOffer);
  await settled();
  expect(names()).toEqual(["VideoOffer"]);
  expect(pc.remoteDescription).toBeNull();
});

it("sends candidates as JSON, and not the mark of their end", () => {
  const { pc, sent } = makeLink();
  pc.gather("candidate:1");
  pc.gather("");
  pc.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: null }));
  expect(sent).toEqual([["IceCandidate", '{"candidate":"candidate:1","sdpMid":"0"}']]);
});

it("adds the other's candidates and drops what is none", async () => {
  const { link, pc } = makeLink();
  await link.receive("IceCandidate", '{"candidate":"candidate:1"}');
  await link.receive("IceCandidate", "hello");
  pc.addIceCandidate.mockRejectedValueOnce(new DOMException("no", "OperationError"));
  await link.receive("IceCandidate", '{"candidate":"candidate:2"}');
  expect(pc.addIceCandidate.mock.calls).toEqual([[{ candidate: "candidate:1" }], [{ candidate: "candidate:2" }]]);
});

it("rejects a description that the browser refuses", async () => {
  const { link, pc } = makeLink();
  vi.spyOn(pc, "setRemoteDescription").mockRejectedValue(new DOMException("no", "OperationError"));
  await expect(link.receive("VideoOffer", "rubbish")).rejects.toThrow("no");
});

it("replaces a track without a new offer, and sends nothing in its place after null", async () => {
  const { link, pc, names } = await connected();
  const camera = track("video", "camera");
  link.setTrack("camera", camera);
  link.setTrack("camera", camera);
  link.setTrack("camera", null);
  link.setTrack("camera", null);
  await settled();
  expect(pc.transceivers[1]?.sender.replaceTrack.mock.calls).toEqual([[camera], [null]]);
  expect(names()).toEqual(["VideoOffer"]);
});

it("becomes live when it is connected, and interrupted when it is not for a while", async () => {
  const { link, pc } = makeLink();
  expect(link.state.value).toBe("connecting");
  link.begin();
  await settled();
  await link.receive("VideoAnswer", theirAnswer);
  pc.become("connecting");
  expect(link.state.value).toBe("connecting");
  pc.become("connected");
  expect(link.state.value).toBe("live");
  pc.become("disconnected");
  expect(link.state.value).toBe("interrupted");
  pc.become("connected");
  expect(link.state.value).toBe("live");
});

it("restarts ICE when a path stays silent, and not when it comes back by itself", async () => {
  const { pc, names } = await connected();
  pc.become("disconnected");
  await vi.advanceTimersByTimeAsync(2_400);
  pc.become("connected");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pc.restartIce).not.toHaveBeenCalled();
  pc.become("disconnected");
  await vi.advanceTimersByTimeAsync(2_500);
  expect(pc.restartIce).toHaveBeenCalledOnce();
  expect(names(), "the restart is offered").toEqual(["VideoOffer", "VideoOffer"]);
});

it("restarts ICE at once when a path has failed", async () => {
  const { link, pc } = await connected();
  pc.become("failed");
  expect(link.state.value).toBe("interrupted");
  expect(pc.restartIce).toHaveBeenCalledOnce();
});

it("goes on connecting when the first attempt fails", async () => {
  const { link, pc } = makeLink();
  await link.receive("VideoOffer", theirOffer);
  pc.become("failed");
  expect(link.state.value).toBe("connecting");
  expect(pc.restartIce).toHaveBeenCalledOnce();
});

it("restarts ICE after a change of network, but not before there is a connection", async () => {
  const { link, pc } = makeLink();
  window.dispatchEvent(new Event("online"));
  link.restart();
  expect(pc.restartIce).not.toHaveBeenCalled();
  await link.receive("VideoOffer", theirOffer);
  window.dispatchEvent(new Event("online"));
  expect(pc.restartIce).toHaveBeenCalledOnce();
});

it("says messages while its channel is open, and reports whether it could", async () => {
  const { link, pc, onOpen } = await connected();
  const [channel] = pc.channels;
  expect(link.say({ a: 1 })).toBe(false);
  channel?.open();
  expect(onOpen).toHaveBeenCalledOnce();
  expect(link.say({ a: 1 })).toBe(true);
  expect(channel?.sent).toEqual(['{"a":1}']);
});

it("passes on the other's messages, and drops what is not JSON", async () => {
  const { pc, onMessage } = await connected();
  const [channel] = pc.channels;
  channel?.say('{"a":1}');
  channel?.say("hello");
  channel?.say(new ArrayBuffer(1));
  expect(onMessage.mock.calls).toEqual([[{ a: 1 }]]);
});

it("says that the other has closed the connection, but not that it did itself", async () => {
  const theirs = await connected();
  theirs.pc.channels[0]?.dispatchEvent(new Event("close"));
  expect(theirs.onClosed).toHaveBeenCalledOnce();
  const own = await connected();
  own.link.close();
  own.pc.channels[0]?.dispatchEvent(new Event("close"));
  expect(own.onClosed).not.toHaveBeenCalled();
});

it("takes and sends nothing after it is closed", async () => {
  const { link, pc, sent } = await connected();
  pc.become("disconnected");
  link.close();
  expect(pc.signalingState).toBe("closed");
  const before = sent.length;
  await link.receive("VideoOffer", theirOffer);
  await link.receive("IceCandidate", "{}");
  pc.gather("candidate:1");
  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toHaveLength(before);
  expect(pc.addIceCandidate).not.toHaveBeenCalled();
  expect(pc.restartIce).not.toHaveBeenCalled();
});

it("drops an offer that it was making when it was closed", async () => {
  const { link, names } = makeLink();
  link.begin();
  await Promise.resolve();
  link.close();
  await settled();
  expect(names()).toEqual([]);
});

it("reads statistics once it is live, until it is closed", async () => {
  const { link, pc } = makeLink();
  const getStats = vi.spyOn(pc, "getStats");
  pc.stats = [{ type: "inbound-rtp", kind: "audio", audioLevel: 0.5, packetsReceived: 10, packetsLost: 0 }];
  await vi.advanceTimersByTimeAsync(2_000);
  expect(getStats).not.toHaveBeenCalled();
  pc.become("connected");
  await vi.advanceTimersByTimeAsync(500);
  expect(link.stats.value).toMatchObject({ heard: 0.5, quality: "excellent" });
  link.close();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(getStats).toHaveBeenCalledOnce();
});

it("counts what has come of each role", async () => {
  const { link, pc } = await connected();
  pc.stats = [
    { type: "inbound-rtp", mid: "0", kind: "audio", packetsReceived: 7 },
    { type: "inbound-rtp", mid: "2", kind: "video", framesReceived: 3, packetsReceived: 90 },
    { type: "outbound-rtp", mid: "1", kind: "video", framesSent: 5 },
    { type: "inbound-rtp", mid: "9", kind: "audio", packetsReceived: 1 },
  ];
  expect(await link.received()).toEqual({ microphone: 7, screen: 3 });
});

it("names the connection that a description is of, whether it is SDP or the browser's JSON", async () => {
  expect(originOf(theirOffer)).toBe("- their");
  expect(originOf(JSON.stringify({ type: "offer", sdp: theirOffer }))).toBe("- their");
  expect(originOf(theirOffer.replace("their", "another"))).not.toBe(originOf(theirOffer));
  const { link } = makeLink();
  expect(link.remoteOrigin).toBeUndefined();
  await link.receive("VideoOffer", JSON.stringify({ type: "offer", sdp: theirOffer }));
  expect(link.remoteOrigin).toBe(originOf(theirOffer));
});
