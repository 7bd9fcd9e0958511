import { expect, it } from "vitest";
import { type LinkStats, readStats } from "./linkStats";

const nothing: LinkStats = { path: "unknown", heard: 0, said: 0, quality: "unknown" };
const report = (...entries: Record<string, unknown>[]) => new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;

const pair = { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" };
const local = { id: "L", type: "local-candidate", candidateType: "host" };

it.each([
  ["host", "direct"],
  ["srflx", "direct"],
  ["relay", "relayed"],
])("calls a path to a %s candidate %s", (candidateType, path) => {
  const remote = { id: "R", type: "remote-candidate", candidateType };
  const transport = { id: "T", type: "transport", selectedCandidatePairId: "P" };
  expect(readStats(report(transport, pair, local, remote), nothing).path).toBe(path);
  // Firefox's form
  expect(readStats(report({ ...pair, selected: true }, local, remote), nothing).path).toBe(path);
});

it("knows no path before one is chosen", () => {
  expect(readStats(report(pair, local), nothing).path).toBe("unknown");
});

it("judges by what was lost since the last time", () => {
  const inbound = (packetsReceived: number, packetsLost: number) => report({ id: "I", type: "inbound-rtp", kind: "audio", audioLevel: 0.3, packetsReceived, packetsLost });
  const first = readStats(inbound(1000, 0), nothing);
  expect(first).toMatchObject({ quality: "excellent", heard: 0.3 });
  const second = readStats(inbound(1090, 10), first);
  expect(second.quality).toBe("poor");
  expect(readStats(inbound(1090, 10), second).quality).toBe("poor");
  expect(readStats(inbound(1188, 12), second).quality).toBe("good");
});
