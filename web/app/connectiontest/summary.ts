import { type MediaPath, pathText } from "./stats";
import { type Step, type StepId, succeeded } from "./step";

/** Summary is the result of a test: a heading, and sentences about what does not work and what to do. */
export interface Summary {
  works: boolean;
  heading: string;
  notes: string[];
}

/** The steps without which calls do not work. */
const required: StepId[] = ["browser", "signalling", "publish", "subscribe"];

/** summarize returns the summary of finished steps. path is the path that the published media took. */
export function summarize(steps: Step[], path: MediaPath | undefined): Summary {
  const step = (id: StepId) => steps.find((one) => one.id === id);
  const works = required.every((id) => succeeded(step(id)));
  if (!works) {
    const problems = steps.filter((one) => one.state === "failed").map(({ title, advice }) => `${title}: ${advice}`);
    return { works, heading: `Calls do not work ${step("browser")?.state === "failed" ? "in this browser" : "on this network"}.`, notes: problems };
  }
  const heading = path ? `Calls work on this network. Media uses ${path.relayed ? "a " : ""}${pathText(path)}.` : "Calls work on this network.";
  const notes: string[] = [];
  if (step("udp")?.state === "failed") notes.push("UDP is blocked, so audio and video can be delayed when the network is busy. " + (step("udp")?.advice ?? ""));
  else if (path && (path.relayed || path.protocol !== "udp")) notes.push("UDP gets through, but the browser uses another path, which can delay audio and video: tell the operator of this site.");
  for (const id of ["secure", "devices", "bandwidth"] as const) {
    const one = step(id);
    if (one && one.advice !== "" && one.state !== "skipped" && !notes.includes(one.advice)) notes.push(one.advice);
  }
  return { works, heading, notes };
}
