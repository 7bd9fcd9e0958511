// The steps that test one network path at a time. Each of them uses a room of its own.
import { type Room, RoomEvent } from "livekit-client";
import type { ConnectionTestRoom } from "../lib/api";
import { ConnectFailure, type Session, statsOf } from "./session";
import { type MediaPath, mediaPath, pathFacts, serverAddress, timeText } from "./stats";
import { failed, type Outcome, passed, skipped } from "./step";

/** How many pings measure the round trip to the server, and how long to wait for each answer, in milliseconds. */
const pings = 3;
const pingTime = 300;
/** How long ICE may take to select the tested path after another one, in milliseconds. */
const selectionTime = 4_000;
/** How long the move to TCP may take, in milliseconds. */
const switchTime = 15_000;


/** signalling joins a room and measures the round trip over the WebSocket. */
export async function signalling(session: Session): Promise<Outcome> {
  const { serverUrl, publisherToken } = await session.newRoom();
  const start = performance.now();
  const room = await session.connectSignalling(serverUrl, publisherToken);
  const joined = performance.now() - start;
  const { client } = room.engine;
  const times: number[] = [];
  for (let i = 0; i < pings; i++) {
    void client.sendPing();
    await session.pause(pingTime);
    times.push(client.rtt);
  }
  session.disconnect(room);
  return passed(`WebSocket: ${new URL(serverUrl).origin.replace(/^http/, "ws")}`, `Joined in ${timeText(joined)}`, `Round trip: ${timeText(Math.min(...times))}`);
}

/** udp connects without relays and checks that ICE selects UDP. */
export async function udp(session: Session): Promise<Outcome> {
  const room = await connectDirectly(session);
  if (!room) return failed(blocked("UDP", ""));
  try {
    const path = await waitForPath(session, room, ({ protocol }) => protocol === "udp");
    if (path) return passed(...pathFacts(path));
    const report = await statsOf(room);
    const other = report && mediaPath(report);
    return failed(blocked("UDP", report ? serverAddress(report, "udp", other?.server) : ""), ...(other ? [`Connected over ${other.protocol.toUpperCase()} instead`] : []));
  } finally {
    session.disconnect(room);
  }
}

/** tcp connects without relays, requests TCP from the server, and checks that ICE selects it. */
export async function tcp(session: Session): Promise<Outcome> {
  const room = await connectDirectly(session);
  if (!room) return failed(blocked("TCP", ""));
  try {
    const report = await statsOf(room);
    const address = report ? serverAddress(report, "tcp") : "";
    let reconnected = false;
    room.once(RoomEvent.Reconnected, () => (reconnected = true));
    await room.simulateScenario("force-tcp");
    await session.poll(switchTime, () => reconnected || undefined);
    const path = await waitForPath(session, room, ({ protocol }) => protocol === "tcp");
    return path ? passed(...pathFacts(path)) : failed(blocked("TCP", address));
  } finally {
    session.disconnect(room);
  }
}

/** turnUdp connects through the server's relay over UDP. */
export function turnUdp(session: Session): Promise<Outcome> {
  return relay(session, (servers) => ({ server: findRelay(servers, "turn", "udp") ?? sameOverUdp(findRelay(servers, "turn", "tcp")), protocol: "UDP" }));
}

/** turnTls connects through the server's relay over TLS, or over TCP if the server has no TLS. */
export function turnTls(session: Session): Promise<Outcome> {
  return relay(session, (servers) => {
    const tls = findRelay(servers, "turns", "tcp");
    return tls ? { server: tls, protocol: "TLS" } : { server: findRelay(servers, "turn", "tcp"), protocol: "TCP" };
  });
}

/** Tests one of the relays that the server offers. The credentials belong to a participant, which stays in the room meanwhile. */
async function relay(session: Session, choose: (servers: RTCIceServer[]) => { server: RTCIceServer | undefined; protocol: string }): Promise<Outcome> {
  const test = await session.newRoom();
  const holder = await session.connectSignalling(test.serverUrl, test.subscriberToken);
  try {
    const servers = offeredServers(holder);
    const { server, protocol } = choose(servers);
    if (!server) return skipped(servers.length === 0 ? "This server offers no relay." : `This server offers no relay over ${protocol}.`);
    const outcome = await relayOutcome(session, test, server, protocol);
    return { ...outcome, title: `TURN over ${protocol}` };
  } finally {
    session.disconnect(holder);
  }
}

async function relayOutcome(session: Session, { serverUrl, publisherToken }: ConnectionTestRoom, server: RTCIceServer, protocol: string): Promise<Outcome> {
  const url = String(server.urls);
  const room = await connectMedia(session, serverUrl, publisherToken, { iceTransportPolicy: "relay", iceServers: [server] });
  if (!room) return failed(`The relay ${url} cannot be reached: ask the network's administrator to allow it.`);
  try {
    const path = await waitForPath(session, room, ({ relayed }) => relayed);
    return path ? passed(`Relay: ${url}`, ...pathFacts({ ...path, protocol: protocol.toLowerCase() as MediaPath["protocol"] })) : failed(`Media did not use the relay ${url}: try again.`);
  } finally {
    session.disconnect(room);
  }
}

/** offeredServers returns the ICE servers in the server's response to the join. */
function offeredServers(room: Room): RTCIceServer[] {
  const servers = room.engine.latestJoinResponse?.iceServers ?? [];
  return servers.map(({ urls, username, credential }) => ({ urls, username, credential }));
}

/** findRelay returns the first TURN server with a scheme and a transport protocol (RFC 7065), with only that URL. */
export function findRelay(servers: RTCIceServer[], scheme: "turn" | "turns", transport: "udp" | "tcp"): RTCIceServer | undefined {
  const standard = scheme === "turn" ? "udp" : "tcp";
  for (const server of servers) {
    for (const url of [server.urls].flat()) {
      const [address = "", query = ""] = url.split("?");
      const used = new URLSearchParams(query).get("transport") ?? standard;
      if (address.startsWith(`${scheme}:`) && used === transport) return { ...server, urls: url };
    }
  }
  return undefined;
}

/**
 * sameOverUdp returns a relay over TCP as one over UDP. Meet answers both on one port, but need not offer UDP, because Chrome
 * uses no direct UDP path to the address of a STUN server or a TURN server over UDP.
 */
export function sameOverUdp(tcp: RTCIceServer | undefined): RTCIceServer | undefined {
  return tcp && { ...tcp, urls: String(tcp.urls).replace(/\?.*/, "?transport=udp") };
}

async function connectDirectly(session: Session): Promise<Room | undefined> {
  const { serverUrl, publisherToken } = await session.newRoom();
  return connectMedia(session, serverUrl, publisherToken, { iceServers: [] });
}

/** connectMedia returns a connected room, or undefined if the server was reached and media was not. */
async function connectMedia(session: Session, serverUrl: string, token: string, rtcConfig: RTCConfiguration): Promise<Room | undefined> {
  try {
    return await session.connect(serverUrl, token, rtcConfig);
  } catch (error) {
    if (error instanceof ConnectFailure && error.signalled) return undefined;
    throw error;
  }
}

function waitForPath(session: Session, room: Room, isWanted: (path: MediaPath) => boolean): Promise<MediaPath | undefined> {
  return session.poll(selectionTime, async () => {
    const report = await statsOf(room);
    const path = report && mediaPath(report);
    return path && isWanted(path) ? path : undefined;
  });
}

const blocked = (protocol: string, address: string) =>
  `Media over ${protocol} does not get through: ask the network's administrator to allow ${protocol} to ${address === "" ? "the media port of this server" : address}.`;
