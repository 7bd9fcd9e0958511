/** direct: from browser to browser; relayed: by the server, which cannot read it. */
type Path = "unknown" | "direct" | "relayed";

export interface LinkStats {
  path: Path;
  /** Loudness of what is heard and said, from 0 to 1. */
  heard: number;
  said: number;
  quality: "unknown" | "excellent" | "good" | "poor";
  /** What the next reading is compared with. */
  counted?: { received: number; lost: number };
}

/** readStats reads what a person is told of from the browser's statistics (W3C webrtc-stats). */
export function readStats(report: RTCStatsReport, before: LinkStats): LinkStats {
  const all = [...(report as unknown as Map<string, Record<string, unknown>>).values()];
  const of = (type: string) => all.filter((entry) => entry.type === type);
  const total = (field: string) => of("inbound-rtp").reduce((sum, entry) => sum + number(entry[field]), 0);
  const loudest = (type: string) => Math.max(0, ...of(type).filter(({ kind }) => kind === "audio").map(({ audioLevel }) => number(audioLevel)));
  const counted = { received: total("packetsReceived"), lost: total("packetsLost") };
  return {
    path: pathOf(all),
    heard: loudest("inbound-rtp"),
    said: loudest("media-source"),
    quality: qualityOf(counted, before),
    counted,
  };
}

/** countOf is how much of one stream has come, by its inbound-rtp statistics: whole pictures, or packets of sound. */
export function countOf(entry: Record<string, unknown>): number {
  return number(entry.kind === "video" ? entry.framesReceived : entry.packetsReceived);
}

function pathOf(all: Record<string, unknown>[]): Path {
  const byId = new Map(all.map((entry) => [entry.id, entry]));
  const chosen = new Set(all.filter(({ type }) => type === "transport").map(({ selectedCandidatePairId }) => selectedCandidatePairId));
  // Firefox marks the pair itself.
  const pair = all.find(({ type, id, selected }) => type === "candidate-pair" && (chosen.has(id) || selected === true));
  if (!pair) return "unknown";
  const ends = [byId.get(pair.localCandidateId), byId.get(pair.remoteCandidateId)];
  return ends.some((end) => end?.candidateType === "relay") ? "relayed" : "direct";
}

function qualityOf(now: { received: number; lost: number }, { counted, quality }: LinkStats): LinkStats["quality"] {
  const received = now.received - (counted?.received ?? 0);
  const lost = Math.max(0, now.lost - (counted?.lost ?? 0));
  if (received + lost === 0) return quality; // nothing was sent
  const share = lost / (received + lost);
  return share > 0.05 ? "poor" : share > 0.01 ? "good" : "excellent";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
