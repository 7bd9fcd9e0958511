// The HTTP requests of all pages. The only other connections are those of calls: WebSockets and WebRTC.
import { sitePath } from "./base";

export interface LiveRoom {
  url: string;
  id: string;
  name: string;
  creationTime: string;
  numParticipants: number;
  isActive: boolean;
  metadata: string;
}

export interface Meeting {
  id: string;
  name: string;
  participants: string[];
  numParticipants: number;
  startedAt: string;
  endedAt: string;
  durationSeconds: number;
}

/** LobbyState is the content of the lobby: the newest open rooms and past meetings, and the numbers of those not listed. */
export interface LobbyState {
  rooms: LiveRoom[];
  moreRooms: number;
  meetings: Meeting[];
  moreMeetings: number;
}

export interface ConnectionDetails {
  serverUrl: string;
  roomName: string;
  participantName: string;
  participantToken: string;
  /** Present if the server allows two participants that are alone in a room to connect directly. */
  direct?: { iceServers: RTCIceServer[] };
}

/** ConnectionTestRoom is a room for a connection test: one participant publishes and the other one subscribes. */
export interface ConnectionTestRoom {
  serverUrl: string;
  roomName: string;
  publisherToken: string;
  subscriberToken: string;
}

/** The text for a server that does not respond at all. */
export const serverUnreachable = "The server could not be reached. Check your network and try again.";
/** The text for a server that does not answer in time. */
export const serverTimeout = "The server did not answer in time. Try again in a moment.";
/** The text for a server that can be reached by HTTP but not by WebSocket. */
export const webSocketBlocked = "WebSockets cannot reach the server. If there is a proxy in front of it, the proxy must forward the headers Upgrade, Connection and Host.";

/** ApiError is a failure whose message is a sentence to show to people. */
export class ApiError extends Error {}

/**
 * fetchConnectionDetails returns the address and the access token that a person needs to join a room. It rejects with an
 * ApiError.
 */
export async function fetchConnectionDetails(
  room: string,
  name: string,
  signal: AbortSignal,
): Promise<ConnectionDetails> {
  const query = new URLSearchParams({ roomName: room, participantName: name, host: location.host });
  return fetchAccess<ConnectionDetails>(sitePath(`/api/connection-details?${query}`), { signal });
}

/** fetchConnectionTest returns a new room for a connection test, with the access tokens for it. It rejects with an ApiError. */
export async function fetchConnectionTest(signal: AbortSignal): Promise<ConnectionTestRoom> {
  const query = new URLSearchParams({ host: location.host });
  return fetchAccess<ConnectionTestRoom>(sitePath(`/api/connection-test?${query}`), { method: "POST", signal });
}

/**
 * fetchAccess returns the server's response to a request for access to a room, with an absolute serverUrl. A proxy may hide
 * the page's host from the server. With the parameter host in the request, the server returns a path on that host.
 */
async function fetchAccess<T extends { serverUrl: string }>(address: string, init: RequestInit & { signal: AbortSignal }): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address, { ...init, cache: "no-store" });
  } catch (cause) {
    if (init.signal.aborted) throw cause;
    throw new ApiError(serverUnreachable, { cause });
  }
  if (!response.ok) throw new ApiError(await refusalText(response));
  const access = (await response.json()) as T;
  return { ...access, serverUrl: new URL(access.serverUrl, location.href).href };
}

/** fetchIceServers returns the STUN and TURN servers for a direct call, or none if the request fails. */
export async function fetchIceServers(session: string): Promise<RTCIceServer[]> {
  const query = new URLSearchParams({ session, host: location.host });
  try {
    const response = await fetch(sitePath(`/direct/ice-servers?${query}`), { cache: "no-store" });
    return response.ok ? ((await response.json()) as { iceServers: RTCIceServer[] }).iceServers : [];
  } catch {
    return [];
  }
}

/**
 * fetchRoomRefusal returns why a server refuses a token, or undefined if it accepts it. It needs a request of its own,
 * because browsers do not show pages the response to a failed WebSocket handshake.
 */
export function fetchRoomRefusal(serverUrl: string, token: string): Promise<string | undefined> {
  const server = serverUrl.replace(/^ws/, "http").replace(/\/?$/, "/");
  return fetchRefusal(new URL("rtc/validate", server).href, { headers: { Authorization: `Bearer ${token}` } });
}

/** fetchDirectRefusal returns why this server refuses direct calls, or undefined if it accepts them. */
export function fetchDirectRefusal(): Promise<string | undefined> {
  return fetchRefusal(sitePath("/direct"), { method: "HEAD" });
}

/** How long a request for the reason of a refusal may take, in milliseconds. */
const refusalTimeout = 5_000;

/** fetchRefusal returns, as a sentence, why a request to an address fails, or undefined if it succeeds. */
async function fetchRefusal(address: string, init: RequestInit): Promise<string | undefined> {
  const signal = AbortSignal.timeout(refusalTimeout);
  try {
    const response = await fetch(address, { ...init, signal, cache: "no-store" });
    return response.ok ? undefined : await refusalText(response);
  } catch {
    return signal.aborted ? serverTimeout : serverUnreachable;
  }
}

/**
 * The delay before the lobby reconnects after a refusal, in milliseconds. After other errors browsers reconnect by
 * themselves.
 */
const lobbyRetryDelay = 15_000;

/**
 * watchLobby calls onState with the lobby's state, first immediately and then on every change. The returned function stops
 * it.
 */
export function watchLobby(onState: (state: LobbyState) => void): () => void {
  let source: EventSource;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(sitePath("/api/events"));
    source.addEventListener("lobby", (event: MessageEvent<string>) => {
      onState(JSON.parse(event.data) as LobbyState);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, lobbyRetryDelay);
    });
  };
  open();
  return () => {
    clearTimeout(retry);
    source.close();
  };
}

// Returns the text of an error response. A text for people is at most 200 characters of plain text. Responses with a status
// of 500 or more have none, except 503 ("the server is restarting").
async function refusalText(response: Response): Promise<string> {
  const isPlainText = response.headers.get("content-type")?.startsWith("text/plain") ?? false;
  const text = isPlainText ? (await response.text()).trim() : "";
  const isForPeople = response.status < 500 || response.status === 503;
  if (isForPeople && text !== "" && text.length <= 200) return toSentence(text);
  return `The server cannot connect you now (error ${response.status}). Try again in a moment.`;
}

function toSentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

/** isReachable returns whether a URL on this server answers and the browser accepts its certificate. */
export async function isReachable(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(10_000) })).ok;
  } catch {
    return false;
  }
}
