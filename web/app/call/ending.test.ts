import { ConnectionError, DisconnectReason } from "livekit-client";
import { expect, it } from "vitest";
import { ApiError } from "../lib/api";
import { couldNotJoin, endingOf, whyNot } from "./ending";

it("says something of its own for each reason that needs it", () => {
  const distinct = [
    DisconnectReason.CLIENT_INITIATED,
    DisconnectReason.PARTICIPANT_REMOVED,
    DisconnectReason.DUPLICATE_IDENTITY,
    DisconnectReason.ROOM_DELETED,
    DisconnectReason.ROOM_CLOSED,
    DisconnectReason.SERVER_SHUTDOWN,
    DisconnectReason.JOIN_FAILURE,
    DisconnectReason.CONNECTION_TIMEOUT,
    DisconnectReason.SIGNAL_CLOSE,
  ].map((reason) => endingOf(reason));
  expect(new Set(distinct.map((ending) => ending.heading)).size).toBe(distinct.length);
  expect(new Set(distinct.map((ending) => ending.code)).size).toBe(distinct.length);
});

it("calls leaving by its name", () => {
  expect(endingOf(DisconnectReason.CLIENT_INITIATED).heading).toBe("You left the meeting");
});

it("treats whatever is unknown as a lost connection", () => {
  expect(endingOf(undefined).code).toBe("lost");
  expect(endingOf(DisconnectReason.UNKNOWN_REASON).code).toBe("lost");
});

it("passes on why joining failed", () => {
  expect(couldNotJoin("No.").text).toBe("No.");
});

it.each([
  [new ApiError("The room is full."), "The room is full."],
  [ConnectionError.notAllowed("no", 401), /did not accept/],
  [ConnectionError.timeout("slow"), /did not answer in time/],
  [ConnectionError.serverUnreachable("down"), /could not be reached/],
  [ConnectionError.websocket("failed"), /the headers Upgrade, Connection and Host/],
  [ConnectionError.internal("could not establish pc connection"), /firewall/],
  [ConnectionError.leaveRequest("bye", DisconnectReason.DUPLICATE_IDENTITY), /another tab/],
  [new TypeError("x is not a function"), /unexpected/],
])("says why one could not get in: %s", (error, text) => {
  expect(whyNot(error)).toMatch(text);
});
