import { ConnectionError, DisconnectReason } from "livekit-client";
import { expect, it, vi } from "vitest";
import { ApiError, noWebSocket, roomRefusal } from "../lib/api";
import { couldNotJoin, endingOf, whyNoAccess, whyNotIn } from "./ending";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), roomRefusal: vi.fn() }));

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

it("says why somebody was given no access", () => {
  expect(whyNoAccess(new ApiError("The name is too long."))).toBe("The name is too long.");
  expect(whyNoAccess(new TypeError("x is not a function"))).toMatch(/unexpected/);
});

const noTransport = ConnectionError.internal("could not establish pc connection");

it.each([
  [ConnectionError.notAllowed("no", 401), /did not accept/],
  [ConnectionError.timeout("slow"), /did not answer in time/],
  [ConnectionError.websocket("failed"), noWebSocket],
  [noTransport, /firewall/],
  [ConnectionError.internal("Websocket got closed during a (re)connection attempt"), /connection to the server ended/],
  [ConnectionError.internal("no message received as first message"), /connection to the server ended/],
  [ConnectionError.leaveRequest("bye", DisconnectReason.UNKNOWN_REASON), /connection to the server ended/],
  [ConnectionError.serverUnreachable("down"), /unexpected/], // for it has just been reached
  [new TypeError("x is not a function"), /unexpected/],
])("says why one could not get in where the server refuses nothing: %s", async (error, text) => {
  expect(await whyNotIn(error, "ws://meet.test", "token")).toMatch(text);
});

it.each([
  ConnectionError.notAllowed("no", 403),
  ConnectionError.timeout("slow"),
  ConnectionError.websocket("failed"),
  ConnectionError.internal("Websocket got closed during a (re)connection attempt"),
  ConnectionError.serverUnreachable("down"),
  ConnectionError.serviceNotFound("no", "v0-rtc"),
])("says what the server says: %s", async (error) => {
  vi.mocked(roomRefusal).mockResolvedValueOnce("The room is full.");
  expect(await whyNotIn(error, "ws://meet.test", "token")).toBe("The room is full.");
  expect(roomRefusal).toHaveBeenCalledWith("ws://meet.test", "token");
});
