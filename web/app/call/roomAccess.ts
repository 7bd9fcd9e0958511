import { ApiError, fetchConnectionDetails } from "../lib/api";
import { normalizeName } from "../lib/name";

/** RoomAccess is the room that a page opens, with a function that fetches credentials for it. */
export interface RoomAccess {
  readonly roomName: string;
  /** The name in the token. Without it the person is asked for a name. */
  readonly personName?: string;
  /** Whether other people can join with the page's address. */
  readonly hasInviteLink: boolean;
  /**
   * fetchCredentials returns the server's address and a token for it. It rejects with an ApiError, or if signal is aborted.
   */
  fetchCredentials(personName: string, signal: AbortSignal): Promise<Credentials>;
}

/** Credentials are a server's address and a token to join a room. */
export interface Credentials {
  serverUrl: string;
  participantToken: string;
  /** Present if two participants that are alone in the room may connect to each other directly. */
  direct?: { iceServers: RTCIceServer[] };
}

/** roomAccess returns access to a room on this server. */
export function roomAccess(roomName: string): RoomAccess {
  return { roomName, hasInviteLink: true, fetchCredentials: (personName, signal) => fetchConnectionDetails(roomName, personName, signal) };
}

/** tokenAccess returns access to the room of an existing access token, on any LiveKit server. */
export function tokenAccess(serverUrl: string, token: string): RoomAccess {
  const claims = decodeClaims(token);
  return {
    roomName: textClaim(claims?.video?.room) || "Meeting",
    personName: textClaim(claims?.name) || textClaim(claims?.sub) || "You",
    hasInviteLink: false,
    fetchCredentials: () => {
      const problem = claimsProblem(claims);
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

const textClaim = (claim: unknown) => (typeof claim === "string" ? normalizeName(claim) : "");

/** Decodes the claims of a LiveKit access token without verifying its signature, or returns undefined if it is malformed. */
function decodeClaims(token: string): Claims | undefined {
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

function claimsProblem(claims: Claims | undefined): string | undefined {
  if (claims === undefined) return "This link contains no access token. Ask the person who sent it for a new one.";
  if (claims.exp !== undefined && claims.exp * 1000 < Date.now()) return "This link has expired. Ask the person who sent it for a new one.";
  if (claims.video?.roomJoin !== true) return "The access token in this link does not allow joining a room.";
  return undefined;
}
