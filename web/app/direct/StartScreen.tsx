import { useState } from "react";
import { NameField } from "../features/prejoin/NameField";
import { PreJoinPage } from "../features/prejoin/PreJoinPage";
import { loadPreferences } from "../lib/storage";
import { usePageTitle } from "../lib/usePageTitle";
import { TextField } from "../ui/TextField";
import { type DirectFlow, type DirectStep, storeName } from "./directFlow";
import { parseSession } from "./session";

/** StartScreen shows the camera preview before a direct call, and opens a new session or joins one. */
export function StartScreen({ flow, step }: { flow: DirectFlow; step: Extract<DirectStep, { kind: "prejoin" }> }) {
  const [name, setName] = useState(() => loadPreferences().name);
  const invited = step.session !== "" && step.problem === "";
  usePageTitle("Direct call · Meet");
  const startCall = (session?: string) => {
    storeName(name);
    flow.start(session);
  };
  return (
    <PreJoinPage media={step.media} name={name}>
      <div>
        <h1>{invited ? "You are invited" : "Direct call"}</h1>
        <p className="direct-start__text">
          Two people, from browser to browser. This server only connects you. Your audio and video go directly to the other person where the network allows it.
        </p>
      </div>
      <NameField value={name} placeholder="Guest" onChange={setName} />
      {!invited && (
        <button type="button" className="button button--primary prejoin__join" onClick={() => startCall()}>
          Start a direct call
        </button>
      )}
      <JoinForm session={step.session} problem={step.problem} primary={invited} onJoin={startCall} />
    </PreJoinPage>
  );
}

function JoinForm({ session, problem, primary, onJoin }: { session: string; problem: string; primary: boolean; onJoin: (session: string) => void }) {
  const [text, setText] = useState(session);
  const [shownProblem, setShownProblem] = useState(problem);
  return (
    <form
      className="direct-start__join"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const id = parseSession(text);
        if (id === "") setShownProblem("Type the session that the other person sees, or paste their link.");
        else onJoin(id);
      }}
    >
      <TextField
        id="session"
        label="Session"
        inputMode="url"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="The other person’s session or link"
        value={text}
        problem={shownProblem}
        onChange={(typed) => {
          setText(typed);
          setShownProblem("");
        }}
      />
      <button type="submit" className={`button ${primary ? "button--primary prejoin__join" : "button--outline"}`}>
        Join session
      </button>
    </form>
  );
}
