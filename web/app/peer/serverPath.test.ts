import { expect, it } from "vitest";
import { readServerPath } from "./serverPath";

const report = (...entries: Record<string, unknown>[]) => new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;
const pair = { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" };
const transport = { id: "T", type: "transport", selectedCandidatePairId: "P" };

it.each([
  [{ protocol: "udp", relayed: false }, { candidateType: "host", protocol: "udp" }],
  [{ protocol: "udp", relayed: false }, { candidateType: "prflx", protocol: "udp" }],
  [{ protocol: "tcp", relayed: false }, { candidateType: "host", protocol: "tcp" }],
  [{ protocol: "udp", relayed: true }, { candidateType: "relay", protocol: "udp" }],
  [{ protocol: "tcp", relayed: true }, { candidateType: "relay", protocol: "udp", relayProtocol: "tcp" }],
  [{ protocol: "tls", relayed: true }, { candidateType: "relay", protocol: "udp", relayProtocol: "tls" }],
])("reports %o for the local candidate %o", (path, candidate) => {
  const local = { id: "L", type: "local-candidate", ...candidate };
  expect(readServerPath(report(transport, pair, local))).toEqual(path);
  expect(readServerPath(report({ ...pair, selected: true }, local))).toEqual(path); // as Firefox reports it
});

it("reports no path before a candidate pair is selected", () => {
  expect(readServerPath(report(pair, { id: "L", type: "local-candidate", protocol: "udp" }))).toBeUndefined();
});
