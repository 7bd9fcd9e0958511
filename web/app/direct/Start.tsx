import { useState } from "react";
import { NameField } from "../features/prejoin/NameField";
import { PreJoinPage } from "../features/prejoin/PreJoinPage";
import { loadPreferences } from "../lib/storage";
import { usePageTitle } from "../lib/usePageTitle";
import { TextField } from "../ui/TextField";
import { type DirectFlow, type DirectStage, rememberName } from "./directFlow";
import { parseSession } from "./session";

/** Start is where one sees oneself, and opens a session or joins one. */
export function Start({ flow, stage }: { flow: DirectFlow; stage: Extract<DirectStage, { kind: "before" }> }) {
  const [name, setName] = useState(() => loadPreferences().name);
  const invited = stage.session !== "" && stage.problem === "";
  usePageTitle("Direct call · Meet");
  const start = (session?: string) => {
    rememberName(name);
    flow.start(session);
  };
  return (
    <PreJoinPage media={stage.media} name={name}>
      <div>
        <h1>{invited ? "You are invited" : "Direct call"}</h1>
        <p className="direct-start__text">
          Two people, browser to browser. This server only introduces you: sound and picture do not pass through it.
        </p>
      </div>
      <NameField value={name} placeholder="Guest" onChange={setName} />
      {!invited && (
        <button type="button" className="button button--primary prejoin__join" onClick={() => start()}>
          Start a direct call
        </button>
      )}
      <JoinForm session={stage.session} problem={stage.problem} primary={invited} onJoin={start} />
    </PreJoinPage>
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
      <TextField
        id="session"
        label="Session"
        inputMode="url"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="The other person’s session or link"
        value={text}
        problem={refusal}
        onChange={(typed) => {
          setText(typed);
          setRefusal("");
        }}
      />
      <button type="submit" className={`button ${primary ? "button--primary prejoin__join" : "button--outline"}`}>
        Join session
      </button>
    </form>
  );
}
