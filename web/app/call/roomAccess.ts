import { ApiError, connectionDetails } from "../lib/api";
import { shownName } from "../lib/name";

/** RoomAccess is a room that a page opens, and the way to get credentials for it. */
export interface RoomAccess {
  readonly roomName: string;
  /** Who goes in, where that is settled; otherwise the person says it. */
  readonly personName?: string;
  /** The address of the page lets others in too. */
  readonly shared: boolean;
  /** open returns where the server is and a token for it; what it throws is an ApiError, or the signal's end. */
  open(personName: string, signal: AbortSignal): Promise<Credentials>;
}

/** Credentials let somebody into a room. */
export interface Credentials {
  serverUrl: string;
  participantToken: string;
  direct?: { iceServers: RTCIceServer[] };
}

/** roomAccess is access to a room of this server. */
export function roomAccess(roomName: string): RoomAccess {
  return { roomName, shared: true, open: (personName, signal) => connectionDetails(roomName, personName, signal) };
}

/** tokenAccess is access to the room that an access token is for, on any LiveKit server. */
export function tokenAccess(serverUrl: string, token: string): RoomAccess {
  const claims = claimsOf(token);
  return {
    roomName: shownClaim(claims?.video?.room) || "Meeting",
    personName: shownClaim(claims?.name) || shownClaim(claims?.sub) || "You",
    shared: false,
    open: () => {
      const problem = problemOf(claims);
      return problem ? Promise.reject(new ApiError(problem)) : Promise.resolve({ serverUrl, participantToken: token });
    },
  };
}

interface Claims {
  name?: unknown;
  sub?: unknown;
  exp?: number;
  video?: { room?: unknown; roomJoin?: boolean };
}

const shownClaim = (claim: unknown) => (typeof claim === "string" ? shownName(claim) : "");

/** What a LiveKit access token says; nothing of it is proven here. */
function claimsOf(token: string): Claims | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}

function problemOf(claims: Claims | undefined): string | undefined {
  if (claims === undefined) return "This link holds no access token. Ask whoever sent it for a new one.";
  if (claims.exp !== undefined && claims.exp * 1000 < Date.now()) return "This link has expired. Ask whoever sent it for a new one.";
  if (claims.video?.roomJoin !== true) return "The access token of this link does not let anybody into a room.";
  return undefined;
}
