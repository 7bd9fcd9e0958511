import { expect, it } from "vitest";
import { type TransportStats, readStats } from "./transportStats";

const noStats: TransportStats = { path: "unknown", remoteLevel: 0, localLevel: 0, quality: "unknown" };
const report = (...entries: Record<string, unknown>[]) => new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;

const pair = { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" };
const local = { id: "L", type: "local-candidate", candidateType: "host" };

it.each([
  ["host", "direct"],
  ["srflx", "direct"],
  ["relay", "relayed"],
])("reports the path to a %s candidate as %s", (candidateType, path) => {
  const remote = { id: "R", type: "remote-candidate", candidateType };
  const transport = { id: "T", type: "transport", selectedCandidatePairId: "P" };
  expect(readStats(report(transport, pair, local, remote), noStats).path).toBe(path);
  // as Firefox reports it
  expect(readStats(report({ ...pair, selected: true }, local, remote), noStats).path).toBe(path);
});

it("reports an unknown path when no candidate pair is selected", () => {
  expect(readStats(report(pair, local), noStats).path).toBe("unknown");
});

it("rates the quality by the loss since the previous reading", () => {
  const inbound = (packetsReceived: number, packetsLost: number) => report({ id: "I", type: "inbound-rtp", kind: "audio", audioLevel: 0.3, packetsReceived, packetsLost });
  const first = readStats(inbound(1000, 0), noStats);
  expect(first).toMatchObject({ quality: "excellent", remoteLevel: 0.3 });
  const second = readStats(inbound(1090, 10), first);
  expect(second.quality).toBe("poor");
  expect(readStats(inbound(1090, 10), second).quality).toBe("poor");
  expect(readStats(inbound(1188, 12), second).quality).toBe("good");
});
