import { expect, it } from "vitest";
import { mediaProblem, type MediaContext } from "./mediaProblem";

const defaults: MediaContext = { permission: "prompt", secure: true, withheld: false };

it.each<[string, Partial<MediaContext>, string, RegExp]>([
  ["NotAllowedError", { permission: "prompt" }, "camera-dismissed", /Try again/],
  ["NotAllowedError", { permission: "denied" }, "camera-denied", /address bar/],
  ["NotAllowedError", { permission: undefined }, "camera-denied", /address bar/],
  ["NotAllowedError", { permission: "granted" }, "camera-system", /privacy settings/],
  ["NotAllowedError", { withheld: true }, "camera-withheld", /allow="camera; microphone"/],
  ["NotFoundError", {}, "camera-missing", /plugged in/],
  ["NotReadableError", {}, "camera-busy", /Another program/],
  ["AbortError", {}, "camera-busy", /Another program/],
  ["OverconstrainedError", {}, "camera-unavailable", /another one/],
  ["SecurityError", { secure: false }, "camera-insecure", /https/],
  ["TypeError", { secure: false }, "camera-insecure", /https/],
  ["InvalidStateError", {}, "camera-failed", /try again/],
])("reports %s with %o as %s", (name, context, code, text) => {
  const problem = mediaProblem("camera", new DOMException("x", name), { ...defaults, ...context });
  expect(problem.code).toBe(code);
  expect(problem.text).toMatch(text);
  expect(problem.title).toContain("camera");
});

it("names the microphone when the microphone failed", () => {
  const problem = mediaProblem("microphone", new DOMException("x", "NotFoundError"), defaults);
  expect(problem).toMatchObject({ code: "microphone-missing", title: "No microphone was found" });
});

it("returns a general problem for a value that is not an error", () => {
  expect(mediaProblem("camera", "odd", defaults).code).toBe("camera-failed");
});
