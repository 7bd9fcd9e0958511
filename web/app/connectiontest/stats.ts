// Evaluates the browser's statistics (W3C webrtc-stats).
import { selectedPair, type ServerPath, serverPath } from "../peer/serverPath";

type Entry = Record<string, unknown>;

/** MediaPath is the path that ICE has selected between the browser and the server. */
export interface MediaPath extends ServerPath {
  /** The types of the browser's and the server's ICE candidates: host, srflx, prflx or relay. */
  localType: string;
  remoteType: string;
  /** The server's address, or "" if the browser does not report it. */
  server: string;
  /** The round-trip time in milliseconds, or undefined before the first measurement. */
  roundTrip: number | undefined;
  /** The estimated upload capacity in bit/s, or undefined in browsers that do not report it. */
  uploadCapacity: number | undefined;
}

/** Sent counts what was sent of one medium, and contains what the server has reported about its reception. */
export interface Sent {
  packets: number;
  bytes: number;
  reported: boolean;
  lost: number;
  /** In milliseconds. */
  jitter: number;
  roundTrip: number | undefined;
}

/** Received counts what was received of one medium. */
export interface Received {
  packets: number;
  bytes: number;
  lost: number;
  /** In milliseconds. */
  jitter: number;
  framesDecoded: number;
  width: number;
  height: number;
}

const entries = (report: RTCStatsReport) => [...(report as unknown as Map<string, Entry>).values()];
const toNumber = (value: unknown) => (typeof value === "number" ? value : 0);
const toText = (value: unknown) => (typeof value === "string" ? value : "");
const milliseconds = (seconds: unknown) => (typeof seconds === "number" ? seconds * 1000 : undefined);

/** mediaPath returns the selected path, or undefined if none is selected. */
export function mediaPath(report: RTCStatsReport): MediaPath | undefined {
  const { pair, local, remote } = selectedPair(entries(report)) ?? {};
  if (!pair || !local || !remote) return undefined;
  return {
    ...serverPath(local),
    localType: toText(local.candidateType),
    remoteType: toText(remote.candidateType),
    server: candidateAddress(remote),
    roundTrip: milliseconds(pair.currentRoundTripTime),
    uploadCapacity: typeof pair.availableOutgoingBitrate === "number" ? pair.availableOutgoingBitrate : undefined,
  };
}

/**
 * serverAddress returns an address at which the server offers media over a protocol, or "" if it offers none. If the server
 * offers the preferred address, it returns that one.
 */
export function serverAddress(report: RTCStatsReport, protocol: "udp" | "tcp", preferred = ""): string {
  const addresses = entries(report)
    .filter((entry) => entry.type === "remote-candidate" && entry.protocol === protocol)
    .map(candidateAddress);
  return addresses.includes(preferred) ? preferred : (addresses[0] ?? "");
}

function candidateAddress({ address, port }: Entry): string {
  const host = toText(address);
  return host === "" ? "" : `${host.includes(":") ? `[${host}]` : host}:${toNumber(port)}`;
}

/** sent returns what was sent of a medium, over all its layers. */
export function sent(report: RTCStatsReport, kind: "audio" | "video"): Sent {
  const all = entries(report).filter((entry) => entry.kind === kind);
  const streams = all.filter(({ type }) => type === "outbound-rtp");
  const reports = all.filter(({ type }) => type === "remote-inbound-rtp");
  return {
    packets: sum(streams, "packetsSent"),
    bytes: sum(streams, "bytesSent"),
    reported: reports.length > 0,
    lost: sum(reports, "packetsLost"),
    jitter: maximum(reports, "jitter") * 1000,
    roundTrip: milliseconds(reports.find(({ roundTripTime }) => roundTripTime !== undefined)?.roundTripTime),
  };
}

/** received returns what was received of a medium. */
export function received(report: RTCStatsReport, kind: "audio" | "video"): Received {
  const streams = entries(report).filter((entry) => entry.type === "inbound-rtp" && entry.kind === kind);
  return {
    packets: sum(streams, "packetsReceived"),
    bytes: sum(streams, "bytesReceived"),
    lost: sum(streams, "packetsLost"),
    jitter: maximum(streams, "jitter") * 1000,
    framesDecoded: sum(streams, "framesDecoded"),
    width: maximum(streams, "frameWidth"),
    height: maximum(streams, "frameHeight"),
  };
}

const sum = (list: Entry[], field: string) => list.reduce((total, entry) => total + toNumber(entry[field]), 0);
const maximum = (list: Entry[], field: string) => Math.max(0, ...list.map((entry) => toNumber(entry[field])));

/** pathText describes a path: "UDP", "TCP", "TURN relay over TLS". */
export function pathText({ protocol, relayed }: Pick<MediaPath, "protocol" | "relayed">): string {
  return relayed ? `TURN relay over ${protocol.toUpperCase()}` : protocol.toUpperCase();
}

/** pathFacts returns what the report says about a path. */
export function pathFacts(path: MediaPath): string[] {
  const facts = [`Path: ${pathText(path)} (candidates: ${path.localType} to ${path.remoteType})`];
  if (path.server !== "") facts.push(`Server address: ${path.server}`);
  if (path.roundTrip !== undefined) facts.push(`Round trip: ${timeText(path.roundTrip)}`);
  return facts;
}

/** timeText formats milliseconds. */
export const timeText = (time: number) => (time < 1 ? "under 1 ms" : `${Math.round(time)} ms`);

/** rateText formats bits per second. */
export const rateText = (rate: number) => (rate < 999_500 ? `${Math.round(rate / 1000)} kbit/s` : `${(rate / 1e6).toFixed(1)} Mbit/s`);

/** percentText formats a share of 1. */
export const percentText = (share: number) => `${(share * 100).toFixed(1)} %`;
