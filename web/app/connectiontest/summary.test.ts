import { expect, it } from "vitest";
import { reportFileName, reportText } from "./report";
import type { MediaPath } from "./stats";
import type { Step, StepId } from "./step";
import { summarize } from "./summary";

const ids: StepId[] = ["browser", "secure", "devices", "signalling", "udp", "tcp", "turnUdp", "turnTls", "publish", "subscribe", "bandwidth"];

/** Returns steps that all passed, except for the given ones. */
const steps = (except: Partial<Record<StepId, Partial<Step>>> = {}): Step[] =>
  ids.map((id) => ({ id, title: id, state: "passed", measured: [`fact of ${id}`], advice: "", ...except[id] }));

const path = (change: Partial<MediaPath> = {}): MediaPath => ({
  protocol: "udp", relayed: false, localType: "host", remoteType: "host", server: "", roundTrip: undefined, uploadCapacity: undefined, ...change,
});

it("says that calls work and which path media takes", () => {
  expect(summarize(steps(), path())).toEqual({ works: true, heading: "Calls work on this network. Media uses UDP.", notes: [] });
  const relayed = summarize(steps(), path({ relayed: true, protocol: "tls" }));
  expect(relayed.heading).toBe("Calls work on this network. Media uses a TURN relay over TLS.");
  expect(relayed.notes).toEqual([expect.stringMatching(/^UDP gets through, but the browser uses another path/)]);
});

it("says that media uses TCP where UDP is blocked, and what to do", () => {
  const { works, heading, notes } = summarize(steps({ udp: { state: "failed", advice: "Allow UDP." } }), path({ protocol: "tcp" }));
  expect({ works, heading }).toEqual({ works: true, heading: "Calls work on this network. Media uses TCP." });
  expect(notes).toEqual([expect.stringMatching(/^UDP is blocked.* Allow UDP\.$/)]);
});

it("contains warnings about devices and bandwidth", () => {
  const { works, notes } = summarize(steps({ devices: { state: "warning", advice: "Allow the camera." }, bandwidth: { state: "warning", advice: "Use a cable." } }), path());
  expect(works).toBe(true);
  expect(notes).toEqual(["Allow the camera.", "Use a cable."]);
});

it("lists what fails when calls do not work", () => {
  const blocked = steps({ signalling: { state: "failed", advice: "Ask for WebSockets." }, publish: { state: "skipped" }, subscribe: { state: "skipped" } });
  expect(summarize(blocked, undefined)).toEqual({ works: false, heading: "Calls do not work on this network.", notes: ["signalling: Ask for WebSockets."] });
  expect(summarize(steps({ browser: { state: "failed", advice: "Update." } }), undefined).heading).toBe("Calls do not work in this browser.");
});

it("writes a report with every step, its state, its facts and its advice", () => {
  const all = steps({ udp: { state: "failed", measured: [], advice: "Allow UDP." }, turnUdp: { state: "skipped", measured: [], advice: "No relay." } });
  const at = new Date("2026-03-04T12:00:05Z");
  const text = reportText({ server: "https://meet.example.org/", userAgent: "Agent/1", at }, summarize(all, path({ protocol: "tcp" })), all);
  expect(text).toContain("Server: https://meet.example.org/\nTime: 2026-03-04T12:00:05.000Z\nBrowser: Agent/1\n\nResult: Calls work on this network. Media uses TCP.\n- UDP is blocked");
  expect(text).toContain("\n4. signalling: passed\n   fact of signalling\n5. udp: failed\n   What to do: Allow UDP.\n");
  expect(text).toContain("\n7. turnUdp: skipped\n   Reason: No relay.\n");
  for (const [i, id] of ids.entries()) expect(text).toContain(`\n${i + 1}. ${id}: `);
  expect(reportFileName(at)).toBe("meet-connection-test-2026-03-04-12-00-05.txt");
});
