/** StepId identifies a step of the connection test. */
export type StepId = "browser" | "secure" | "devices" | "signalling" | "udp" | "tcp" | "turnUdp" | "turnTls" | "publish" | "subscribe" | "bandwidth";

export type StepState = "waiting" | "running" | "passed" | "warning" | "failed" | "skipped";

/** Outcome is the result of a step. */
export interface Outcome {
  state: "passed" | "warning" | "failed" | "skipped";
  /** What was measured, one fact in each entry. */
  measured: string[];
  /** What to do or why the step was skipped, in one sentence, or "" if the step passed. */
  advice: string;
  /** Replaces the title of the step, if the step tested something else. */
  title?: string;
}

/** Step is a step as the page and the report show it. */
export interface Step {
  id: StepId;
  title: string;
  state: StepState;
  measured: string[];
  advice: string;
}

export const passed = (...measured: string[]): Outcome => ({ state: "passed", measured, advice: "" });
export const warning = (advice: string, ...measured: string[]): Outcome => ({ state: "warning", measured, advice });
export const failed = (advice: string, ...measured: string[]): Outcome => ({ state: "failed", measured, advice });
export const skipped = (reason: string): Outcome => ({ state: "skipped", measured: [], advice: reason });

/** succeeded reports whether a step passed, with or without a warning. */
export const succeeded = (step: Step | undefined): boolean => step?.state === "passed" || step?.state === "warning";
