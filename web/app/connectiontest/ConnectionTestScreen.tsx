import { useEffect, useRef } from "react";
import { sitePath } from "../lib/base";
import { useCopy } from "../lib/useCopy";
import { useObservable } from "../lib/useObservable";
import { Icon, type IconName } from "../ui/Icon";
import type { ConnectionTest, TestState } from "./connectionTest";
import { reportFileName, reportText } from "./report";
import type { Step, StepState } from "./step";
import type { Summary } from "./summary";
import "./connectiontest.css";

const stateNames: Record<StepState, string> = {
  waiting: "Waiting",
  running: "Running",
  passed: "Passed",
  warning: "Warning",
  failed: "Failed",
  skipped: "Skipped",
};

const icons: Partial<Record<StepState, IconName>> = { passed: "check", warning: "warning", failed: "close", skipped: "next" };

/** ConnectionTestScreen shows the steps of the connection test, and in the end its summary and its report. */
export function ConnectionTestScreen({ test }: { test: ConnectionTest }) {
  const state = useObservable(test.state);
  const { phase, steps, summary, finishedAt } = state;
  return (
    <div className="test">
      <h1>Connection test</h1>
      <p className="test__text">
        The test checks in eleven steps whether calls work in this browser and on this network. It takes about half a minute. Your browser asks for your camera and microphone.
        What they record goes to this server and back to you, and nobody else sees or hears it.
      </p>
      <div className="test__start">
        {/* The three labels are on one button, so that it keeps the keyboard's focus. */}
        <button
          type="button"
          className={`button button--large ${phase === "running" ? "button--outline" : "button--primary"}`}
          onClick={() => (phase === "running" ? test.cancel() : void test.start())}
        >
          {phase === "running" ? "Cancel" : phase === "ready" ? "Start the test" : "Run again"}
        </button>
        <p role="status" className={phase === "running" ? undefined : "visually-hidden"}>
          {progressText(state)}
        </p>
      </div>
      {phase === "cancelled" && <p className="test__cancelled">The test was cancelled. Camera and microphone are off.</p>}
      {summary && finishedAt && <Result summary={summary} steps={steps} at={finishedAt} />}
      <ol role="list" className="test__steps" aria-label="Steps">
        {steps.map((step) => (
          <StepItem key={step.id} step={step} />
        ))}
      </ol>
    </div>
  );
}

function StepItem({ step: { id, title, state, measured, advice } }: { step: Step }) {
  const icon = icons[state];
  return (
    <li className="test-step" data-step={id} data-state={state} aria-current={state === "running" ? "step" : undefined}>
      <span className="test-step__mark">{icon && <Icon name={icon} />}</span>
      <div className="test-step__body">
        <h2>{title}</h2>
        {measured.length > 0 && (
          <ul role="list" className="test-step__facts">
            {measured.map((fact) => (
              <li key={fact}>{fact}</li>
            ))}
          </ul>
        )}
        {advice !== "" && <p className="test-step__advice">{advice}</p>}
      </div>
      <span className="test-step__state">{stateNames[state]}</span>
    </li>
  );
}

function Result({ summary, steps, at }: { summary: Summary; steps: Step[]; at: Date }) {
  const report = reportText({ server: location.origin + sitePath("/"), userAgent: navigator.userAgent, at }, summary, steps);
  const { copied, copy } = useCopy(report);
  const heading = useRef<HTMLHeadingElement>(null);
  // The result is above the steps, which may fill the screen.
  useEffect(() => heading.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <section className="test-result" data-works={summary.works} aria-labelledby="result">
      <h2 id="result" ref={heading}>
        {summary.heading}
      </h2>
      {summary.notes.length > 0 && (
        <ul className="test-result__notes">
          {summary.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <div className="test-result__actions">
        <button type="button" className="button button--outline button--small" onClick={copy}>
          <Icon name={copied ? "check" : "copy"} />
          {copied ? "Copied" : "Copy report"}
        </button>
        <button type="button" className="button button--outline button--small" onClick={() => download(report, reportFileName(at))}>
          Download report
        </button>
      </div>
    </section>
  );
}

/** What screen readers announce. */
function progressText({ phase, steps, summary }: TestState): string {
  if (summary) return [summary.heading, ...summary.notes].join(" ");
  if (phase === "cancelled") return "The test was cancelled.";
  const index = steps.findIndex(({ state }) => state === "running");
  return index < 0 ? "" : `Step ${index + 1} of ${steps.length}: ${steps[index]?.title ?? ""}`;
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
