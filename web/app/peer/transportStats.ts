import { selectedPair } from "./serverPath";

/** direct: from browser to browser. relayed: through a TURN server, which cannot decrypt the media. */
type Path = "unknown" | "direct" | "relayed";

export interface TransportStats {
  path: Path;
  /** The audio levels of the peer and of this person, from 0 to 1. */
  remoteLevel: number;
  localLevel: number;
  quality: "unknown" | "excellent" | "good" | "poor";
  /** Total packets at this reading, for comparison with the next one. */
  packetCounts?: { received: number; lost: number };
}

/** readStats evaluates the browser's statistics (W3C webrtc-stats). `before` is the result of the last reading. */
export function readStats(report: RTCStatsReport, before: TransportStats): TransportStats {
  const all = [...(report as unknown as Map<string, Record<string, unknown>>).values()];
  const entriesOf = (type: string) => all.filter((entry) => entry.type === type);
  const total = (field: string) => entriesOf("inbound-rtp").reduce((sum, entry) => sum + toNumber(entry[field]), 0);
  const loudestLevel = (type: string) => Math.max(0, ...entriesOf(type).filter(({ kind }) => kind === "audio").map(({ audioLevel }) => toNumber(audioLevel)));
  const packetCounts = { received: total("packetsReceived"), lost: total("packetsLost") };
  return {
    path: selectedPath(all),
    remoteLevel: loudestLevel("inbound-rtp"),
    localLevel: loudestLevel("media-source"),
    quality: lossQuality(packetCounts, before),
    packetCounts,
  };
}

/** receivedCount returns how many video frames or audio packets an inbound-rtp entry of the statistics counts. */
export function receivedCount(entry: Record<string, unknown>): number {
  return toNumber(entry.kind === "video" ? entry.framesReceived : entry.packetsReceived);
}

function selectedPath(all: Record<string, unknown>[]): Path {
  const selected = selectedPair(all);
  if (!selected) return "unknown";
  return [selected.local, selected.remote].some((candidate) => candidate?.candidateType === "relay") ? "relayed" : "direct";
}

function lossQuality(now: { received: number; lost: number }, { packetCounts, quality }: TransportStats): TransportStats["quality"] {
  const received = now.received - (packetCounts?.received ?? 0);
  const lost = Math.max(0, now.lost - (packetCounts?.lost ?? 0));
  if (received + lost === 0) return quality; // nothing was sent since the last reading
  const lossRate = lost / (received + lost);
  return lossRate > 0.05 ? "poor" : lossRate > 0.01 ? "good" : "excellent";
}

function toNumber(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
