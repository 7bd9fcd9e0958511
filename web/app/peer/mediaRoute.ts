/**
 * MediaRoute is how a browser's media reach the server: over UDP or TCP, or through a relay (TURN) that the browser reaches
 * over UDP, TCP or TLS.
 */
export type MediaRoute = "udp" | "tcp" | "relay-udp" | "relay-tcp" | "relay-tls";

type Stats = Record<string, unknown>;

/** selectedPair returns the candidate pair that a connection uses, with its candidates, or undefined if it uses none yet. */
export function selectedPair(entries: Stats[]): { pair: Stats; local: Stats | undefined; remote: Stats | undefined } | undefined {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const selectedIds = new Set(entries.filter(({ type }) => type === "transport").map(({ selectedCandidatePairId }) => selectedCandidatePairId));
  // Firefox has no transport entry and marks the selected pair itself.
  const pair = entries.find(({ type, id, selected }) => type === "candidate-pair" && (selectedIds.has(id) || selected === true));
  return pair && { pair, local: byId.get(pair.localCandidateId), remote: byId.get(pair.remoteCandidateId) };
}

/** readRoute returns the route that the statistics of a connection show (W3C webrtc-stats), or undefined if there is none yet. */
export function readRoute(report: RTCStatsReport): MediaRoute | undefined {
  const local = selectedPair([...(report as unknown as Map<string, Stats>).values()])?.local;
  if (!local) return undefined;
  if (local.candidateType !== "relay") return local.protocol === "tcp" ? "tcp" : "udp";
  return local.relayProtocol === "tls" ? "relay-tls" : local.relayProtocol === "tcp" ? "relay-tcp" : "relay-udp";
}
