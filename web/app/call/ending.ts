import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";
import type { Ending } from "../features/ended/ending";
import { ApiError, serverTimeout, webSocketBlocked, fetchRoomRefusal } from "../lib/api";

export const leftMeeting: Ending = {
  code: "left",
  heading: "You left the meeting",
  text: "It continues while other people are in it.",
};

const unexpected = "Something unexpected went wrong. Try again.";
const noMedia = "Audio and video could not reach the server. A firewall or VPN may block them.";

/** The message of livekit-client's error when the server has accepted the client and then no media transport connects. */
const noTransport = "could not establish pc connection";

/** couldNotJoin returns the ending of a call that could not be joined. text says why. */
export function couldNotJoin(text: string): Ending {
  return { code: "could-not-join", heading: "You could not join the meeting", text };
}

/** endingOf returns the ending to show for a disconnect reason. */
export function endingOf(reason: DisconnectReason | undefined): Ending {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return leftMeeting;
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { code: "removed", heading: "You were removed from the meeting", text: "A host of this meeting removed you from it." };
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { code: "duplicate", heading: "You joined from somewhere else", text: "The same person entered this meeting in another tab or on another device, so you left it here." };
    case DisconnectReason.ROOM_DELETED:
      return { code: "ended", heading: "The meeting has ended", text: "It was ended for everyone." };
    case DisconnectReason.ROOM_CLOSED:
      return { code: "closed", heading: "The meeting has closed", text: "It was empty, or its time was up." };
    case DisconnectReason.SERVER_SHUTDOWN:
      return { code: "shutdown", heading: "The server is restarting", text: "Everyone was disconnected. It is usually back within a minute." };
    case DisconnectReason.JOIN_FAILURE:
      return couldNotJoin(noMedia);
    case DisconnectReason.CONNECTION_TIMEOUT:
      return { code: "timeout", heading: "The connection timed out", text: "The server received nothing from you for too long. Check your network and rejoin." };
    case DisconnectReason.STATE_MISMATCH:
    case DisconnectReason.SIGNAL_CLOSE:
    case DisconnectReason.MEDIA_FAILURE:
    default:
      return { code: "lost", heading: "The connection was lost", text: "Your browser tried to reconnect and failed. Check your network and rejoin." };
  }
}

/** accessErrorText returns a sentence that says why no access to the room was granted. */
export function accessErrorText(error: unknown): string {
  return error instanceof ApiError ? error.message : unexpected;
}

/**
 * joinErrorText returns a sentence that says why connecting failed: the server's refusal if there is one, or else a text
 * for the error.
 */
export async function joinErrorText(error: unknown, serverUrl: string, token: string): Promise<string> {
  if (!(error instanceof ConnectionError)) return unexpected;
  if (error.message === noTransport) return noMedia;
  return (await fetchRoomRefusal(serverUrl, token)) ?? connectErrorText(error.reason as ConnectionErrorReason);
}

/** connectErrorText returns the text for a connection error when the server does not refuse the token. */
function connectErrorText(reason: ConnectionErrorReason): string {
  switch (reason) {
    case ConnectionErrorReason.NotAllowed:
      return "The server did not accept your access. It may have expired: try again.";
    case ConnectionErrorReason.Timeout:
      return serverTimeout;
    case ConnectionErrorReason.WebSocket: // the socket did not open
      return webSocketBlocked;
    case ConnectionErrorReason.InternalError: // the socket closed before the server's first message
    case ConnectionErrorReason.LeaveRequest: // the server's first message was a Leave
      return "The connection to the server ended before you were in the meeting. Try again.";
    default:
      return unexpected;
  }
}
