import { expect, it } from "vitest";
import { browserName } from "./browser";
import { bandwidthProblem } from "./media";
import { findRelay, sameOverUdp } from "./paths";

const servers: RTCIceServer[] = [
  { urls: ["stun:192.0.2.1:8080"] },
  { urls: ["turn:192.0.2.1:8080?transport=udp", "turn:192.0.2.1:8080?transport=tcp", "turns:meet.example.org:443?transport=tcp"], username: "u", credential: "c" },
];

it("selects one relay, with its credentials", () => {
  expect(findRelay(servers, "turn", "udp")).toEqual({ urls: "turn:192.0.2.1:8080?transport=udp", username: "u", credential: "c" });
  expect(findRelay(servers, "turn", "tcp")).toEqual({ urls: "turn:192.0.2.1:8080?transport=tcp", username: "u", credential: "c" });
  expect(findRelay(servers, "turns", "tcp")).toEqual({ urls: "turns:meet.example.org:443?transport=tcp", username: "u", credential: "c" });
});

it("uses the standard transport of relays without a parameter", () => {
  expect(findRelay([{ urls: "turn:192.0.2.1" }], "turn", "udp")?.urls).toBe("turn:192.0.2.1");
  expect(findRelay([{ urls: "turn:192.0.2.1" }], "turn", "tcp")).toBeUndefined();
  expect(findRelay([{ urls: "turns:192.0.2.1" }], "turns", "tcp")?.urls).toBe("turns:192.0.2.1");
});

it("derives the relay over UDP from the one over TCP", () => {
  expect(sameOverUdp(findRelay(servers, "turn", "tcp"))).toEqual(findRelay(servers, "turn", "udp"));
  expect(sameOverUdp(undefined)).toBeUndefined();
});

it("finds no relay among STUN servers", () => {
  expect(findRelay([{ urls: ["stun:192.0.2.1:8080"] }], "turn", "udp")).toBeUndefined();
});

it("names the browser", () => {
  const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
  expect(browserName(chrome)).toBe("Chrome 141.0.0.0");
  expect(browserName(`${chrome} Edg/141.0.2`)).toBe("Edge 141.0.2");
  expect(browserName("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15")).toBe("Safari 18.1");
  expect(browserName("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe("Firefox 140.0");
  expect(browserName("curl")).toBe("unknown");
});

it("warns about loss, little upload and long delays, and about nothing else", () => {
  expect(bandwidthProblem(2e6, 0.01, 80)).toBe("");
  expect(bandwidthProblem(undefined, 0, 0)).toBe("");
  expect(bandwidthProblem(2e6, 0.08, 80)).toMatch(/^Packets are lost/);
  expect(bandwidthProblem(200_000, 0, 80)).toMatch(/^The upload is slow/);
  expect(bandwidthProblem(2e6, 0, 600)).toMatch(/^The delay is long/);
});
