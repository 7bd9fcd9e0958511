import { ApiError } from "../lib/api";
import { type Observable, State } from "../lib/observable";
import { browser, securePage } from "./browser";
import { devices } from "./devices";
import { bandwidth, publish, subscribe } from "./media";
import { signalling, tcp, turnTls, turnUdp, udp } from "./paths";
import { Session } from "./session";
import { failed, type Outcome, skipped, type Step, type StepId, succeeded } from "./step";
import { summarize, type Summary } from "./summary";

/** StepDefinition says what a step does and which others must have succeeded before it. */
export interface StepDefinition {
  id: StepId;
  title: string;
  /** Steps that must all have succeeded. */
  needs?: StepId[];
  /** Steps of which one must have succeeded. */
  needsOneOf?: StepId[];
  run: (session: Session) => Outcome | Promise<Outcome>;
}

const connected: { needs: StepId[] } = { needs: ["signalling"] };

/** The steps, in their order. */
const definitions: StepDefinition[] = [
  { id: "browser", title: "Browser", run: browser },
  { id: "secure", title: "Secure page", run: securePage },
  { id: "devices", title: "Camera and microphone", needs: ["browser"], run: devices },
  { id: "signalling", title: "Signalling", needs: ["browser"], run: signalling },
  { id: "udp", title: "UDP", ...connected, run: udp },
  { id: "tcp", title: "TCP", ...connected, run: tcp },
  { id: "turnUdp", title: "TURN over UDP", ...connected, run: turnUdp },
  { id: "turnTls", title: "TURN over TLS", ...connected, run: turnTls },
  { id: "publish", title: "Publish", ...connected, needsOneOf: ["udp", "tcp", "turnUdp", "turnTls"], run: publish },
  { id: "subscribe", title: "Subscribe", needs: ["publish"], run: subscribe },
  { id: "bandwidth", title: "Bandwidth and loss", needs: ["subscribe"], run: bandwidth },
];

/** TestState is the content of the page. */
export interface TestState {
  phase: "ready" | "running" | "finished" | "cancelled";
  steps: Step[];
  /** Set when the test has finished. */
  summary?: Summary;
  finishedAt?: Date;
}

/** ConnectionTest runs the steps one after the other. It can be run again. */
export class ConnectionTest {
  readonly #definitions: StepDefinition[];
  readonly #state: State<TestState>;
  #session: Session | undefined;

  constructor(steps: StepDefinition[] = definitions) {
    this.#definitions = steps;
    this.#state = new State<TestState>({ phase: "ready", steps: this.#waitingSteps() });
  }

  get state(): Observable<TestState> {
    return this.#state;
  }

  /** start runs all steps. It resolves when the test has finished or was cancelled. */
  async start(): Promise<void> {
    if (this.#session) return;
    const session = (this.#session = new Session());
    this.#state.set({ phase: "running", steps: this.#waitingSteps() });
    for (const definition of this.#definitions) {
      await this.#runStep(definition, session);
      if (session.signal.aborted) return;
    }
    session.close();
    this.#session = undefined;
    const { steps } = this.#state.value;
    this.#state.set({ phase: "finished", steps, summary: summarize(steps, session.path), finishedAt: new Date() });
  }

  /** cancel ends a running test: it leaves the server and stops the devices. */
  cancel(): void {
    if (!this.#session) return;
    this.#session.close();
    this.#session = undefined;
    const steps = this.#state.value.steps.map((step) => (isOpen(step) ? { ...step, ...skipped("The test was cancelled.") } : step));
    this.#state.set({ phase: "cancelled", steps });
  }

  async #runStep(definition: StepDefinition, session: Session): Promise<void> {
    const obstacle = this.#obstacle(definition);
    if (obstacle !== undefined) {
      this.#change(definition.id, skipped(obstacle));
      return;
    }
    this.#change(definition.id, { state: "running" });
    let outcome: Outcome;
    try {
      outcome = await definition.run(session);
    } catch (error) {
      // Only an ApiError has a message for people. Others may contain an address with a token.
      outcome = failed(error instanceof ApiError ? error.message : "Something unexpected went wrong: try again.");
    }
    if (!session.signal.aborted) this.#change(definition.id, outcome);
  }

  /** Returns why a step cannot run after the steps before it, or undefined if it can. */
  #obstacle({ needs = [], needsOneOf = [] }: StepDefinition): string | undefined {
    const step = (id: StepId) => this.#state.value.steps.find((one) => one.id === id);
    const missing = needs.map(step).find((one) => !succeeded(one));
    if (missing) return `It needs the step “${missing.title}”.`;
    if (needsOneOf.length > 0 && !needsOneOf.some((id) => succeeded(step(id)))) return "Media reaches the server on none of the paths.";
    return undefined;
  }

  #change(id: StepId, change: Partial<Step>): void {
    const { phase, steps } = this.#state.value;
    this.#state.set({ phase, steps: steps.map((step) => (step.id === id ? { ...step, ...change } : step)) });
  }

  #waitingSteps(): Step[] {
    return this.#definitions.map(({ id, title }) => ({ id, title, state: "waiting", measured: [], advice: "" }));
  }
}

const isOpen = ({ state }: Step) => state === "waiting" || state === "running";
