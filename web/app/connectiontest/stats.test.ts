import { expect, it } from "vitest";
import { mediaPath, pathFacts, pathText, rateText, received, sent, serverAddress, timeText } from "./stats";

type Entry = Record<string, unknown> & { id: string };

const report = (...entries: Entry[]) => new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;

const transport = { id: "T", type: "transport", selectedCandidatePairId: "P2" };
const unused = { id: "P1", type: "candidate-pair", localCandidateId: "L1", remoteCandidateId: "R1" };
const pair = { id: "P2", type: "candidate-pair", localCandidateId: "L2", remoteCandidateId: "R2", currentRoundTripTime: 0.0123, availableOutgoingBitrate: 2e6 };
const remoteUdp = { id: "R1", type: "remote-candidate", protocol: "udp", candidateType: "host", address: "192.0.2.1", port: 8080 };
const remoteTcp = { id: "R2", type: "remote-candidate", protocol: "tcp", candidateType: "host", address: "2001:db8::1", port: 8443 };

it("reads the selected path, and not another one", () => {
  const stats = report(transport, unused, pair, remoteUdp, remoteTcp, { id: "L2", type: "local-candidate", protocol: "tcp", candidateType: "prflx" });
  const path = mediaPath(stats);
  expect(path).toEqual({ protocol: "tcp", relayed: false, localType: "prflx", remoteType: "host", server: "[2001:db8::1]:8443", roundTrip: 12.3, uploadCapacity: 2e6 });
  expect(path && pathFacts(path)).toEqual(["Path: TCP (candidates: prflx to host)", "Server address: [2001:db8::1]:8443", "Round trip: 12 ms"]);
  expect(serverAddress(stats, "udp")).toBe("192.0.2.1:8080");
  const two = report(remoteUdp, { ...remoteUdp, id: "R3", address: "192.0.2.3" });
  expect(["192.0.2.3:8080", "192.0.2.4:8080"].map((preferred) => serverAddress(two, "udp", preferred))).toEqual(["192.0.2.3:8080", "192.0.2.1:8080"]);
});

it("reads the selected pair of Firefox, which has no transport entry", () => {
  const stats = report(unused, { ...pair, selected: true }, remoteTcp, { id: "L2", type: "local-candidate", protocol: "udp", candidateType: "host" });
  expect(mediaPath(stats)?.protocol).toBe("udp");
});

it("reads the protocol between the browser and a relay, not the one behind the relay", () => {
  const local = { id: "L2", type: "local-candidate", protocol: "udp", candidateType: "relay", relayProtocol: "tls" };
  const path = mediaPath(report(transport, pair, remoteUdp, { ...remoteTcp, protocol: "udp" }, local));
  expect(path && pathText(path)).toBe("TURN relay over TLS");
});

it("finds no path before one is selected", () => {
  expect(mediaPath(report({ id: "T", type: "transport" }, unused, remoteUdp))).toBeUndefined();
  expect(serverAddress(report(remoteTcp), "udp")).toBe("");
});

it("adds up what was sent, and contains what the server has reported", () => {
  const outbound = (id: string) => ({ id, type: "outbound-rtp", kind: "video", packetsSent: 10, bytesSent: 1000 });
  const audio = { id: "A", type: "outbound-rtp", kind: "audio", packetsSent: 99, bytesSent: 99 };
  expect(sent(report(outbound("1"), outbound("2"), audio), "video")).toEqual({ packets: 20, bytes: 2000, reported: false, lost: 0, jitter: 0, roundTrip: undefined });
  const remote = { id: "3", type: "remote-inbound-rtp", kind: "video", packetsLost: 3, jitter: 0.004, roundTripTime: 0.02 };
  expect(sent(report(outbound("1"), remote), "video")).toEqual({ packets: 10, bytes: 1000, reported: true, lost: 3, jitter: 4, roundTrip: 20 });
});

it("adds up what was received", () => {
  const inbound = { type: "inbound-rtp", kind: "video", packetsReceived: 7, bytesReceived: 700, packetsLost: 1, jitter: 0.002, framesDecoded: 5, frameWidth: 640, frameHeight: 360 };
  expect(received(report({ id: "1", ...inbound }, { id: "2", ...inbound }), "video")).toEqual({ packets: 14, bytes: 1400, lost: 2, jitter: 2, framesDecoded: 10, width: 640, height: 360 });
});

it("formats times and rates", () => {
  expect([0.2, 1.4, 230].map(timeText)).toEqual(["under 1 ms", "1 ms", "230 ms"]);
  expect([156_400, 999_600, 4_300_000].map(rateText)).toEqual(["156 kbit/s", "1.0 Mbit/s", "4.3 Mbit/s"]);
});
