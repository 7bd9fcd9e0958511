import { ConnectionError, DisconnectReason } from "livekit-client";
import { expect, it, vi } from "vitest";
import { ApiError, webSocketBlocked, fetchRoomRefusal } from "../lib/api";
import { couldNotJoin, endingOf, accessErrorText, joinErrorText } from "./ending";

vi.mock("../lib/api", async (original) => ({ ...(await original<object>()), fetchRoomRefusal: vi.fn() }));

it("has a distinct heading and code for each disconnect reason", () => {
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

it("says that the person left when the client ended the connection", () => {
  expect(endingOf(DisconnectReason.CLIENT_INITIATED).heading).toBe("You left the meeting");
});

it("treats an unknown reason as a lost connection", () => {
  expect(endingOf(undefined).code).toBe("lost");
  expect(endingOf(DisconnectReason.UNKNOWN_REASON).code).toBe("lost");
});

it("contains the reason why joining failed", () => {
  expect(couldNotJoin("No.").text).toBe("No.");
});

it("shows the API's error, or a general text for other errors", () => {
  expect(accessErrorText(new ApiError("The name is too long."))).toBe("The name is too long.");
  expect(accessErrorText(new TypeError("x is not a function"))).toMatch(/unexpected/);
});

const noTransport = ConnectionError.internal("could not establish pc connection");

it.each([
  [ConnectionError.notAllowed("no", 401), /did not accept/],
  [ConnectionError.timeout("slow"), /did not answer in time/],
  [ConnectionError.websocket("failed"), webSocketBlocked],
  [noTransport, /firewall/],
  [ConnectionError.internal("Websocket got closed during a (re)connection attempt"), /connection to the server ended/],
  [ConnectionError.internal("no message received as first message"), /connection to the server ended/],
  [ConnectionError.leaveRequest("bye", DisconnectReason.UNKNOWN_REASON), /connection to the server ended/],
  [ConnectionError.serverUnreachable("down"), /unexpected/], // because the server has just accepted the token
  [new TypeError("x is not a function"), /unexpected/],
])("explains %s by the error when the server does not refuse the token", async (error, text) => {
  expect(await joinErrorText(error, "ws://meet.test", "token")).toMatch(text);
});

it.each([
  ConnectionError.notAllowed("no", 403),
  ConnectionError.timeout("slow"),
  ConnectionError.websocket("failed"),
  ConnectionError.internal("Websocket got closed during a (re)connection attempt"),
  ConnectionError.serverUnreachable("down"),
  ConnectionError.serviceNotFound("no", "v0-rtc"),
])("explains %s by the server's refusal when there is one", async (error) => {
  vi.mocked(fetchRoomRefusal).mockResolvedValueOnce("The room is full.");
  expect(await joinErrorText(error, "ws://meet.test", "token")).toBe("The room is full.");
  expect(fetchRoomRefusal).toHaveBeenCalledWith("ws://meet.test", "token");
});
