import { expect, it } from "vitest";
import { readRoute } from "./mediaRoute";

const report = (...entries: Record<string, unknown>[]) => new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;
const pair = { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" };
const transport = { id: "T", type: "transport", selectedCandidatePairId: "P" };

it.each([
  ["udp", { candidateType: "host", protocol: "udp" }],
  ["udp", { candidateType: "prflx", protocol: "udp" }],
  ["tcp", { candidateType: "host", protocol: "tcp" }],
  ["relay-udp", { candidateType: "relay", protocol: "udp", relayProtocol: "udp" }],
  ["relay-tcp", { candidateType: "relay", protocol: "udp", relayProtocol: "tcp" }],
  ["relay-tls", { candidateType: "relay", protocol: "udp", relayProtocol: "tls" }],
])("reports %s for the local candidate %o", (route, candidate) => {
  const local = { id: "L", type: "local-candidate", ...candidate };
  expect(readRoute(report(transport, pair, local))).toBe(route);
  expect(readRoute(report({ ...pair, selected: true }, local))).toBe(route); // as Firefox reports it
});

it("reports no route before a candidate pair is selected", () => {
  expect(readRoute(report(pair, { id: "L", type: "local-candidate", protocol: "udp" }))).toBeUndefined();
});
