import { useRef, useState } from "react";
import { normalizeName } from "../../lib/name";
import { loadPreferences } from "../../lib/storage";
import { usePageTitle } from "../../lib/usePageTitle";
import type { LocalMedia } from "../../media/localMedia";
import { NameField } from "./NameField";
import { PreJoinPage } from "./PreJoinPage";
import { headCountText, useHeadCount } from "./useHeadCount";

/** RoomToJoin is a room as the preview shows it. */
interface RoomToJoin {
  readonly roomName: string;
  /** The name in an access token. Without it the person is asked for a name. */
  readonly personName?: string;
  /** Whether other people can join with the page's address. */
  readonly hasInviteLink: boolean;
}

/** PreJoin shows the camera preview and a form to join a meeting. Joining does not wait for the devices. */
export function PreJoin({ room, media, onJoin }: { room: RoomToJoin; media: LocalMedia; onJoin: (name: string) => void }) {
  const { roomName, personName, hasInviteLink } = room;
  const [name, setName] = useState(() => personName ?? loadPreferences().name);
  usePageTitle(`${roomName} · Meet`);
  return (
    <PreJoinPage media={media} name={name}>
      <div>
        <h1>Ready to join?</h1>
        <p className="prejoin__room">{roomName}</p>
        {hasInviteLink && <HeadCount roomName={roomName} />}
      </div>
      {personName === undefined ? <NameForm name={name} onName={setName} onJoin={onJoin} /> : <TokenForm name={personName} onJoin={onJoin} />}
    </PreJoinPage>
  );
}

/** HeadCount shows how many people are in the room. */
function HeadCount({ roomName }: { roomName: string }) {
  const headCount = useHeadCount(roomName);
  return (
    <p className="prejoin__head-count" role="status">
      {headCountText(headCount)}
    </p>
  );
}

/** TokenForm is the form for a person whose access token contains the name. */
function TokenForm({ name, onJoin }: { name: string; onJoin: (name: string) => void }) {
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
        const shown = normalizeName(name);
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
