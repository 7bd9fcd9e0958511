import { useState } from "react";
import { Devices } from "../features/prejoin/Devices";
import { Preview } from "../features/prejoin/Preview";
import { loadPreferences } from "../lib/storage";
import { useObservable } from "../lib/useObservable";
import { usePageTitle } from "../lib/usePageTitle";
import { Brand } from "../ui/Brand";
import { type DirectFlow, type DirectStage, rememberName } from "./directFlow";
import { parseSession } from "./session";
import "../features/prejoin/prejoin.css";

const longestName = 100;

/** Start is where one looks in the mirror, and opens a session or joins one. */
export function Start({ flow, stage }: { flow: DirectFlow; stage: Extract<DirectStage, { kind: "before" }> }) {
  const { media } = stage;
  const state = useObservable(media.state);
  const [name, setName] = useState(() => loadPreferences().name);
  const invited = stage.session !== "" && stage.problem === "";
  usePageTitle("Direct call · Meet");
  const start = (session?: string) => {
    rememberName(name);
    flow.start(session);
  };
  return (
    <div className="page prejoin">
      <header className="page__bar">
        <Brand />
      </header>
      <div className="page__main prejoin__main">
        <Preview media={media} state={state} name={name} />
        <div className="prejoin__side">
          <div>
            <h1>{invited ? "You are invited" : "Direct call"}</h1>
            <p className="direct-start__text">
              Two people, browser to browser. This server only introduces you: sound and picture do not pass through it.
            </p>
          </div>
          <div className="field">
            <label htmlFor="name">Your name</label>
            <input id="name" className="input" type="text" autoComplete="name" maxLength={longestName} placeholder="Guest" value={name} onChange={(event) => setName(event.target.value)} />
          </div>
          {!invited && (
            <button type="button" className="button button--primary prejoin__join" onClick={() => start()}>
              Start a direct call
            </button>
          )}
          <JoinForm session={stage.session} problem={stage.problem} primary={invited} onJoin={start} />
        </div>
        <Devices media={media} state={state} />
      </div>
    </div>
  );
}

function JoinForm({ session, problem, primary, onJoin }: { session: string; problem: string; primary: boolean; onJoin: (session: string) => void }) {
  const [text, setText] = useState(session);
  const [refusal, setRefusal] = useState(problem);
  return (
    <form
      className="direct-start__join"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const id = parseSession(text);
        if (id === "") setRefusal("Type the session that the other person sees, or paste their link.");
        else onJoin(id);
      }}
    >
      <div className="field">
        <label htmlFor="session">Session</label>
        <input
          id="session"
          className="input"
          type="text"
          inputMode="url"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          placeholder="The other person’s session or link"
          value={text}
          aria-describedby="session-problem"
          aria-invalid={refusal !== ""}
          onChange={(event) => {
            setText(event.target.value);
            setRefusal("");
          }}
        />
        <p id="session-problem" className="field-problem" role="alert" hidden={refusal === ""}>
          {refusal}
        </p>
      </div>
      <button type="submit" className={`button ${primary ? "button--primary prejoin__join" : "button--outline"}`}>
        Join session
      </button>
    </form>
  );
}
