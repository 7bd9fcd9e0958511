import { expect, it } from "vitest";
import { ApiError } from "../lib/api";
import { tokenAccess } from "./roomAccess";

const encode = (claims: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
};

const token = (claims: unknown) => `head.${encode(claims)}.signature`;
const soon = Math.floor(Date.now() / 1000) + 60;
const open = (raw: string) => tokenAccess("wss://live.example", raw).open("", new AbortController().signal);

it("reads from the token where it leads and who goes in", async () => {
  const raw = token({ sub: "ada", name: "Ada Lövelace ☕", exp: soon, video: { room: "blue", roomJoin: true } });
  expect(tokenAccess("wss://live.example", raw)).toMatchObject({ roomName: "blue", personName: "Ada Lövelace ☕", shared: false });
  await expect(open(raw)).resolves.toEqual({ serverUrl: "wss://live.example", participantToken: raw });
});

it("takes the identity where there is no name that can be seen", () => {
  expect(tokenAccess("wss://live.example", token({ sub: "\u202eada", name: "\u200b", video: { room: "\u3164" } }))).toMatchObject({ roomName: "Meeting", personName: "ada" });
  expect(tokenAccess("wss://live.example", token({ sub: 7, name: {} })).personName).toBe("You");
  expect(tokenAccess("wss://live.example", token({ sub: "ada" })).personName).toBe("ada");
});

it.each([
  ["is no token", "hello", /no access token/],
  ["is damaged", "a.!!.b", /no access token/],
  ["is not an object", `a.${encode(7)}.b`, /no access token/],
  ["has run out", token({ sub: "ada", exp: 1000, video: { roomJoin: true } }), /expired/],
  ["is for something else", token({ sub: "ada", exp: soon, video: { roomList: true } }), /does not let anybody/],
])("says what is wrong with one that %s", async (_, raw, sentence) => {
  await expect(open(raw)).rejects.toThrow(ApiError);
  await expect(open(raw)).rejects.toThrow(sentence);
});
