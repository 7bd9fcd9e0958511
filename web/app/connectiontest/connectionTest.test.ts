import { expect, it, vi } from "vitest";
import { ApiError } from "../lib/api";
import { ConnectionTest, type StepDefinition } from "./connectionTest";
import { failed, passed, type Step, warning } from "./step";

const step = (id: StepDefinition["id"], more: Partial<StepDefinition> = {}): StepDefinition => ({ id, title: id, run: () => passed(), ...more });
const states = (test: ConnectionTest) => test.state.value.steps.map(({ state }) => state);

it("has the eleven steps in their order, all waiting", () => {
  const { phase, steps } = new ConnectionTest().state.value;
  expect(phase).toBe("ready");
  expect(steps.map(({ id }) => id)).toEqual(["browser", "secure", "devices", "signalling", "udp", "tcp", "turnUdp", "turnTls", "publish", "subscribe", "bandwidth"]);
  expect(new Set(steps.map(({ state }) => state))).toEqual(new Set(["waiting"]));
});

it("runs one step after the other and summarizes", async () => {
  const test = new ConnectionTest([step("browser"), step("signalling"), step("publish"), step("subscribe", { run: () => warning("w", "m") })]);
  const seen: string[] = [];
  test.state.subscribe(() => seen.push(states(test).join(" ")));
  await test.start();
  expect(seen).toContain("passed running waiting waiting");
  expect(test.state.value.phase).toBe("finished");
  expect(test.state.value.summary?.works).toBe(true);
  expect(test.state.value.steps[3]).toEqual({ id: "subscribe", title: "subscribe", state: "warning", measured: ["m"], advice: "w" });
});

it("skips steps that need a failed one, and continues after a warning", async () => {
  const test = new ConnectionTest([
    step("browser", { run: () => warning("w") }),
    step("signalling", { needs: ["browser"], run: () => failed("f") }),
    step("udp", { needs: ["signalling"] }),
    step("publish", { needs: ["udp"] }),
  ]);
  await test.start();
  expect(states(test)).toEqual(["warning", "failed", "skipped", "skipped"]);
  expect(test.state.value.steps[2]?.advice).toBe("It needs the step “signalling”.");
});

it("publishes if media gets through on one of the paths, and only then", async () => {
  const publish = step("publish", { needsOneOf: ["udp", "tcp"] });
  const blocked = { run: () => failed("f") };
  const one = new ConnectionTest([step("udp", blocked), step("tcp"), publish]);
  await one.start();
  expect(states(one)).toEqual(["failed", "passed", "passed"]);
  const none = new ConnectionTest([step("udp", blocked), step("tcp", blocked), publish]);
  await none.start();
  expect(states(none)).toEqual(["failed", "failed", "skipped"]);
});

it("shows the sentence of an API error, and no text of other errors", async () => {
  const test = new ConnectionTest([
    step("signalling", { run: () => Promise.reject(new ApiError("Too many requests.")) }),
    step("udp", { run: () => Promise.reject(new Error("wss://example.org/?access_token=secret")) }),
  ]);
  await test.start();
  expect(test.state.value.steps.map(({ advice }) => advice)).toEqual(["Too many requests.", "Something unexpected went wrong: try again."]);
});

it("stops the running step and the devices when it is cancelled, and can run again", async () => {
  const stop = vi.fn();
  const track = { stop } as unknown as MediaStreamTrack;
  let runs = 0;
  const waits = step("udp", {
    run: async (session) => {
      session.tracks.push(track);
      if (++runs === 1) await session.pause(1e6);
      return passed();
    },
  });
  const test = new ConnectionTest([step("browser"), waits, step("tcp")]);
  const first = test.start();
  await vi.waitFor(() => expect(states(test)).toEqual(["passed", "running", "waiting"]));
  test.cancel();
  await first;
  expect(stop).toHaveBeenCalledOnce();
  expect(test.state.value.phase).toBe("cancelled");
  expect(states(test)).toEqual(["passed", "skipped", "skipped"]);
  await test.start();
  expect(states(test)).toEqual(["passed", "passed", "passed"]);
});

it("ignores what a step returns after the test was cancelled", async () => {
  let finish: (step: Step["state"]) => void = () => undefined;
  const test = new ConnectionTest([step("udp", { run: () => new Promise((resolve) => (finish = () => resolve(passed()))) })]);
  const run = test.start();
  test.cancel();
  finish("passed");
  await run;
  expect(states(test)).toEqual(["skipped"]);
  expect(test.state.value.summary).toBeUndefined();
});
