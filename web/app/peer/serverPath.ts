/** ServerPath is the path of a browser's media to the server. */
export interface ServerPath {
  /** The transport protocol between the browser and the server, or between the browser and the server's relay (TURN). */
  protocol: "udp" | "tcp" | "tls";
  relayed: boolean;
}

type Stats = Record<string, unknown>;

/** selectedPair returns the candidate pair that a connection uses, with its candidates, or undefined if it uses none yet. */
export function selectedPair(entries: Stats[]): { pair: Stats; local: Stats | undefined; remote: Stats | undefined } | undefined {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const selectedIds = new Set(entries.filter(({ type }) => type === "transport").map(({ selectedCandidatePairId }) => selectedCandidatePairId));
  // Firefox has no transport entry and marks the selected pair itself.
  const pair = entries.find(({ type, id, selected }) => type === "candidate-pair" && (selectedIds.has(id) || selected === true));
  return pair && { pair, local: byId.get(pair.localCandidateId), remote: byId.get(pair.remoteCandidateId) };
}

/** serverPath returns the path that the browser's candidate in the selected pair shows (W3C webrtc-stats). */
export function serverPath(local: Stats): ServerPath {
  const relayed = local.candidateType === "relay";
  const protocol = relayed ? local.relayProtocol : local.protocol;
  return { relayed, protocol: protocol === "tcp" || protocol === "tls" ? protocol : "udp" };
}

/** readServerPath returns the path that the statistics of a connection show, or undefined if there is none yet. */
export function readServerPath(report: RTCStatsReport): ServerPath | undefined {
  const local = selectedPair([...(report as unknown as Map<string, Stats>).values()])?.local;
  return local && serverPath(local);
}
