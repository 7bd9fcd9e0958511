import { expect, it } from "vitest";
import { ApiError } from "../lib/api";
import { tokenAccess } from "./roomAccess";

const encode = (claims: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
};

const token = (claims: unknown) => `head.${encode(claims)}.signature`;
const soon = Math.floor(Date.now() / 1000) + 60;
const credentialsFor = (raw: string) => tokenAccess("wss://live.example", raw).fetchCredentials("", new AbortController().signal);

it("takes the room and the name from the token", async () => {
  const raw = token({ sub: "ada", name: "Ada Lövelace ☕", exp: soon, video: { room: "blue", roomJoin: true } });
  expect(tokenAccess("wss://live.example", raw)).toMatchObject({ roomName: "blue", personName: "Ada Lövelace ☕", hasInviteLink: false });
  await expect(credentialsFor(raw)).resolves.toEqual({ serverUrl: "wss://live.example", participantToken: raw });
});

it("uses the identity when the token has no visible name", () => {
  expect(tokenAccess("wss://live.example", token({ sub: "\u202eada", name: "\u200b", video: { room: "\u3164" } }))).toMatchObject({ roomName: "Meeting", personName: "ada" });
  expect(tokenAccess("wss://live.example", token({ sub: 7, name: {} })).personName).toBe("You");
  expect(tokenAccess("wss://live.example", token({ sub: "ada" })).personName).toBe("ada");
});

it.each([
  ["is not a token", "hello", /no access token/],
  ["is damaged", "a.!!.b", /no access token/],
  ["is not an object", `a.${encode(7)}.b`, /no access token/],
  ["has expired", token({ sub: "ada", exp: 1000, video: { roomJoin: true } }), /expired/],
  ["grants something else", token({ sub: "ada", exp: soon, video: { roomList: true } }), /does not allow joining/],
])("explains what is wrong with a token that %s", async (_, raw, sentence) => {
  await expect(credentialsFor(raw)).rejects.toThrow(ApiError);
  await expect(credentialsFor(raw)).rejects.toThrow(sentence);
});
