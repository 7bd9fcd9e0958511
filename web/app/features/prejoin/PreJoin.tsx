import { useRef, useState } from "react";
import type { Door } from "../../call/door";
import { shownName } from "../../lib/name";
import { loadPreferences } from "../../lib/storage";
import { useObservable } from "../../lib/useObservable";
import { usePageTitle } from "../../lib/usePageTitle";
import type { LocalMedia } from "../../media/localMedia";
import { Brand } from "../../ui/Brand";
import { Devices } from "./Devices";
import { Preview } from "./Preview";
import { insideText, useInside } from "./useInside";
import "./prejoin.css";

const longestName = 100;

/** PreJoin is where one looks in the mirror before going in. Joining never waits for a device. */
export function PreJoin({ door, media, onJoin }: { door: Door; media: LocalMedia; onJoin: (name: string) => void }) {
  const state = useObservable(media.state);
  const [name, setName] = useState(() => door.personName ?? loadPreferences().name);
  usePageTitle(`${door.roomName} · Meet`);

  return (
    <div className="page prejoin">
      <header className="page__bar">
        <Brand />
      </header>
      <div className="page__main prejoin__main">
        <Preview media={media} state={state} name={name} />
        <div className="prejoin__side">
          <div>
            <h1>Ready to join?</h1>
            <p className="prejoin__room">{door.roomName}</p>
            {door.shared && <Inside roomName={door.roomName} />}
          </div>
          {door.personName === undefined ? (
            <NameForm name={name} onName={setName} onJoin={onJoin} />
          ) : (
            <NamedForm name={door.personName} onJoin={onJoin} />
          )}
        </div>
        <Devices media={media} state={state} />
      </div>
    </div>
  );
}

/** How many are in the room, as the lobby of this server knows it. */
function Inside({ roomName }: { roomName: string }) {
  const inside = useInside(roomName);
  return (
    <p className="prejoin__inside" role="status">
      {insideText(inside)}
    </p>
  );
}

/** For somebody whose name is settled already. */
function NamedForm({ name, onJoin }: { name: string; onJoin: (name: string) => void }) {
  return (
    <form
      className="prejoin__form"
      onSubmit={(event) => {
        event.preventDefault();
        onJoin(name);
      }}
    >
      <p className="prejoin__name">
        You join as <strong>{name}</strong>
      </p>
      <button type="submit" className="button button--primary prejoin__join">
        Join now
      </button>
    </form>
  );
}

function NameForm({ name, onName, onJoin }: { name: string; onName: (name: string) => void; onJoin: (name: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState("");
  return (
    <form
      className="prejoin__form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const shown = shownName(name);
        if (shown !== "") {
          onJoin(shown);
          return;
        }
        setProblem("Type your name, so that the others know who you are.");
        field.current?.focus();
      }}
    >
      <div className="field">
        <label htmlFor="name">Your name</label>
        <input
          id="name"
          ref={field}
          className="input"
          type="text"
          autoComplete="name"
          maxLength={longestName}
          value={name}
          aria-describedby="name-problem"
          aria-invalid={problem !== ""}
          onChange={(event) => {
            onName(event.target.value);
            setProblem("");
          }}
        />
        <p id="name-problem" className="field-problem" role="alert" hidden={problem === ""}>
          {problem}
        </p>
      </div>
      <button type="submit" className="button button--primary prejoin__join">
        Join now
      </button>
    </form>
  );
}
