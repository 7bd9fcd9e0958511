import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";
import { ApiError, noWebSocket, unreachable } from "../lib/api";

/** Why a call is over, as the person reads it. */
export interface Ending {
  code: string;
  heading: string;
  text: string;
}

export const leftByChoice: Ending = {
  code: "left",
  heading: "You left the meeting",
  text: "It goes on without you for as long as somebody is in it.",
};

const noMedia = "Sound and picture found no way between you and the server. A firewall or VPN may be in between.";

/** What the person reads when the server is too slow. */
export const late = "The server did not answer in time. Try again in a moment.";

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

/** whyNot says why a room could not be entered, in a sentence. */
export function whyNot(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (!(error instanceof ConnectionError)) return "Something unexpected went wrong. Try again.";
  switch (error.reason) {
    case ConnectionErrorReason.NotAllowed:
      return "The server did not accept your access. It may have expired: try again.";
    case ConnectionErrorReason.LeaveRequest:
      return endingOf(error.context as DisconnectReason).text;
    case ConnectionErrorReason.Timeout:
      return late;
    case ConnectionErrorReason.WebSocket: // what else was asked of the server, it answered
      return noWebSocket;
    case ConnectionErrorReason.InternalError: // "could not establish pc connection"
      return noMedia;
    default:
      return unreachable;
  }
}
