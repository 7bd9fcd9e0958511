import { expect, it } from "vitest";
import { mediaProblem, type MediaContext } from "./mediaProblem";

const usual: MediaContext = { permission: "prompt", secure: true, withheld: false };

it.each<[string, Partial<MediaContext>, string, RegExp]>([
  ["NotAllowedError", { permission: "prompt" }, "camera-dismissed", /Ask again/],
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
])("%s with %o is %s", (name, context, code, text) => {
  const problem = mediaProblem("camera", new DOMException("x", name), { ...usual, ...context });
  expect(problem.code).toBe(code);
  expect(problem.text).toMatch(text);
  expect(problem.title).toContain("camera");
});

it("speaks of the microphone when it is the microphone", () => {
  const problem = mediaProblem("microphone", new DOMException("x", "NotFoundError"), usual);
  expect(problem).toMatchObject({ code: "microphone-missing", title: "No microphone was found" });
});

it("has words even for something that is no error", () => {
  expect(mediaProblem("camera", "odd", usual).code).toBe("camera-failed");
});
