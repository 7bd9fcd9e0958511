// The only place that talks to the server, apart from the call itself.
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

/** What the lobby shows: the newest rooms that are live, the newest meetings, and how many more there are of each. */
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
  /** Two who are alone in the room may talk without the server in between. */
  direct?: { iceServers: RTCIceServer[] };
}

/** What the person reads when nothing comes of the server. */
export const unreachable = "The server could not be reached. Check your network and try again.";
/** What the person reads when the server is too slow. */
export const late = "The server did not answer in time. Try again in a moment.";
/** What the person reads when pages come of the server and WebSockets do not reach it. */
export const noWebSocket = "WebSockets do not get through to the server: the proxy in front of it has to pass on the headers Upgrade, Connection and Host.";

/** A refusal or failure whose message is a sentence fit to show. */
export class ApiError extends Error {}

/** connectionDetails asks for the address and the token a person needs to enter a room. */
export async function connectionDetails(
  room: string,
  name: string,
  signal: AbortSignal,
): Promise<ConnectionDetails> {
  // A proxy may hide from the server how the page was reached. Its own address is then relative to the page's.
  const query = new URLSearchParams({ roomName: room, participantName: name, host: location.host });
  let response: Response;
  try {
    response = await fetch(sitePath(`/api/connection-details?${query}`), { signal, cache: "no-store" });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ApiError(unreachable, { cause });
  }
  if (!response.ok) throw new ApiError(await refusal(response));
  const details = (await response.json()) as ConnectionDetails;
  return { ...details, serverUrl: new URL(details.serverUrl, location.href).href };
}

/** iceServers asks which servers help a direct call's two find each other; without an answer they try alone. */
export async function iceServers(session: string): Promise<RTCIceServer[]> {
  const query = new URLSearchParams({ session, host: location.host });
  try {
    const response = await fetch(sitePath(`/direct/ice-servers?${query}`), { cache: "no-store" });
    return response.ok ? ((await response.json()) as { iceServers: RTCIceServer[] }).iceServers : [];
  } catch {
    return [];
  }
}

/** roomRefusal asks why a server does not let the token's bearer into its room: browsers keep from pages what a WebSocket was answered. */
export function roomRefusal(serverUrl: string, token: string): Promise<string | undefined> {
  const server = serverUrl.replace(/^ws/, "http").replace(/\/?$/, "/");
  return refusalAt(new URL("rtc/validate", server).href, { headers: { Authorization: `Bearer ${token}` } });
}

/** directRefusal asks why this server does not introduce anybody to a direct call. */
export function directRefusal(): Promise<string | undefined> {
  return refusalAt(sitePath("/direct"), { method: "HEAD" });
}

/** How long the server may take to say why it refuses, in milliseconds. */
const refusalPatience = 5_000;

/** refusalAt is the reason, in a sentence, why nothing but an error comes of an address; undefined if all is well there. */
async function refusalAt(address: string, init: RequestInit): Promise<string | undefined> {
  const signal = AbortSignal.timeout(refusalPatience);
  try {
    const response = await fetch(address, { ...init, signal, cache: "no-store" });
    return response.ok ? undefined : await refusal(response);
  } catch {
    return signal.aborted ? late : unreachable;
  }
}

/** How long the lobby waits after a refusal, in milliseconds: browsers reconnect by themselves after anything else. */
const RETRY = 15_000;

/** watchLobby calls onState with the lobby's state at once and on every change, until stopped. */
export function watchLobby(onState: (state: LobbyState) => void): () => void {
  let source: EventSource;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(sitePath("/api/events"));
    source.addEventListener("lobby", (event: MessageEvent<string>) => {
      onState(JSON.parse(event.data) as LobbyState);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY);
    });
  };
  open();
  return () => {
    clearTimeout(retry);
    source.close();
  };
}

// Refusals the server means for people are one short line of plain text. Of those from 500 on only 503 is one, "the server is restarting".
async function refusal(response: Response): Promise<string> {
  const plain = response.headers.get("content-type")?.startsWith("text/plain") ?? false;
  const text = plain ? (await response.text()).trim() : "";
  const meant = response.status < 500 || response.status === 503;
  if (meant && text !== "" && text.length <= 200) return sentence(text);
  return `The server could not let you in (error ${response.status}). Try again in a moment.`;
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
