import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";
import type { Ending } from "../features/after/ending";
import { ApiError, late, noWebSocket, roomRefusal } from "../lib/api";

export const leftByChoice: Ending = {
  code: "left",
  heading: "You left the meeting",
  text: "It goes on without you for as long as somebody is in it.",
};

const unexpected = "Something unexpected went wrong. Try again.";
const noMedia = "Sound and picture found no way between you and the server. A firewall or VPN may be in between.";

/** The message of livekit-client's error when the server has let somebody in, and then no media transport connects. */
const noTransport = "could not establish pc connection";

/** couldNotJoin is the ending of a call that never began; text says why. */
export function couldNotJoin(text: string): Ending {
  return { code: "could-not-join", heading: "You could not join the meeting", text };
}

/** endingOf maps the reason of a connection's end to what the person reads. */
export function endingOf(reason: DisconnectReason | undefined): Ending {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return leftByChoice;
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { code: "removed", heading: "You were removed from the meeting", text: "Somebody who runs this meeting removed you from it." };
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { code: "duplicate", heading: "You joined from somewhere else", text: "The same person entered this meeting in another tab or on another device, so this one stepped aside." };
    case DisconnectReason.ROOM_DELETED:
      return { code: "ended", heading: "The meeting has ended", text: "It was ended for everyone." };
    case DisconnectReason.ROOM_CLOSED:
      return { code: "closed", heading: "The meeting has closed", text: "It had been empty or over its time." };
    case DisconnectReason.SERVER_SHUTDOWN:
      return { code: "shutdown", heading: "The server is restarting", text: "Everybody was disconnected. It is usually back within a minute." };
    case DisconnectReason.JOIN_FAILURE:
      return couldNotJoin(noMedia);
    case DisconnectReason.CONNECTION_TIMEOUT:
      return { code: "timeout", heading: "The connection timed out", text: "The server did not hear from you for too long. Check your network and rejoin." };
    case DisconnectReason.STATE_MISMATCH:
    case DisconnectReason.SIGNAL_CLOSE:
    case DisconnectReason.MEDIA_FAILURE:
    default:
      return { code: "lost", heading: "The connection was lost", text: "Your browser tried for a while and could not get back in. Check your network and rejoin." };
  }
}

/** whyNoAccess says why somebody was given no access to a room, in a sentence. */
export function whyNoAccess(error: unknown): string {
  return error instanceof ApiError ? error.message : unexpected;
}

/** whyNotIn says why somebody with access did not get in: as the server says it if it refuses, else by the error. */
export async function whyNotIn(error: unknown, serverUrl: string, token: string): Promise<string> {
  if (!(error instanceof ConnectionError)) return unexpected;
  if (error.message === noTransport) return noMedia;
  return (await roomRefusal(serverUrl, token)) ?? whyNotAdmitted(error.reason as ConnectionErrorReason);
}

/** whyNotAdmitted is for errors at a server that would let the person in. */
function whyNotAdmitted(reason: ConnectionErrorReason): string {
  switch (reason) {
    case ConnectionErrorReason.NotAllowed:
      return "The server did not accept your access. It may have expired: try again.";
    case ConnectionErrorReason.Timeout:
      return late;
    case ConnectionErrorReason.WebSocket: // the socket did not open
      return noWebSocket;
    case ConnectionErrorReason.InternalError: // the socket closed before the server's first message
    case ConnectionErrorReason.LeaveRequest: // the server's first message was the end
      return "The connection to the server ended before you were in the meeting. Try again.";
    default:
      return unexpected;
  }
}
