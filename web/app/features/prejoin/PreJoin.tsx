import { useRef, useState } from "react";
import { shownName } from "../../lib/name";
import { loadPreferences } from "../../lib/storage";
import { usePageTitle } from "../../lib/usePageTitle";
import type { LocalMedia } from "../../media/localMedia";
import { NameField } from "./NameField";
import { PreJoinPage } from "./PreJoinPage";
import { insideText, useInside } from "./useInside";

/** What is known of a room before one joins it. */
interface RoomToJoin {
  readonly roomName: string;
  /** The person's name, where it is settled; otherwise the person says it. */
  readonly personName?: string;
  /** The address of the page lets others in too. */
  readonly shared: boolean;
}

/** PreJoin is where one sees oneself before going in. Joining never waits for a device. */
export function PreJoin({ room, media, onJoin }: { room: RoomToJoin; media: LocalMedia; onJoin: (name: string) => void }) {
  const { roomName, personName, shared } = room;
  const [name, setName] = useState(() => personName ?? loadPreferences().name);
  usePageTitle(`${roomName} · Meet`);
  return (
    <PreJoinPage media={media} name={name}>
      <div>
        <h1>Ready to join?</h1>
        <p className="prejoin__room">{roomName}</p>
        {shared && <Inside roomName={roomName} />}
      </div>
      {personName === undefined ? <NameForm name={name} onName={setName} onJoin={onJoin} /> : <NamedForm name={personName} onJoin={onJoin} />}
    </PreJoinPage>
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
      <NameField
        ref={field}
        value={name}
        problem={problem}
        onChange={(typed) => {
          onName(typed);
          setProblem("");
        }}
      />
      <button type="submit" className="button button--primary prejoin__join">
        Join now
      </button>
    </form>
  );
}
