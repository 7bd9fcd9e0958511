import type { Participant } from "livekit-client";
import { Avatar } from "../../ui/Avatar";
import { Icon } from "../../ui/Icon";
import { Panel } from "../../ui/Panel";
import { displayName, useParticipant } from "./useParticipant";
import "./people.css";

/** PeoplePanel lists the participants of the meeting. Its children are shown below, for inviting others. */
export function PeoplePanel({ people, onClose, children }: { people: Participant[]; onClose: () => void; children: React.ReactNode }) {
  return (
    <Panel title="People" onClose={onClose}>
      <p className="people__count">{people.length === 1 ? "1 person" : `${people.length} people`} in the call</p>
      <ul role="list" className="people__list" aria-label="In the call">
        {people.map((person) => (
          <Person key={person.identity} person={person} />
        ))}
      </ul>
      <div className="people__invite">{children}</div>
    </Panel>
  );
}

function Person({ person }: { person: Participant }) {
  const name = useParticipant(person, displayName);
  const speaking = useParticipant(person, (p) => p.isSpeaking);
  const microphone = useParticipant(person, (p) => p.isMicrophoneEnabled);
  const camera = useParticipant(person, (p) => p.isCameraEnabled);
  const sharing = useParticipant(person, (p) => p.isScreenShareEnabled);
  return (
    <li className="person" data-speaking={speaking}>
      <Avatar name={name} />
      <span className="person__name">
        {name}
        {person.isLocal && <span className="person__me"> (you)</span>}
      </span>
      {sharing && <StatusIcon on icon="screen" text="Sharing a screen" />}
      <StatusIcon on={microphone} icon={microphone ? "microphone" : "microphoneOff"} text={microphone ? "Microphone on" : "Muted"} />
      <StatusIcon on={camera} icon={camera ? "camera" : "cameraOff"} text={camera ? "Camera on" : "Camera off"} />
    </li>
  );
}

function StatusIcon({ on, icon, text }: { on: boolean; icon: "screen" | "microphone" | "microphoneOff" | "camera" | "cameraOff"; text: string }) {
  return (
    <span className="person__status" data-on={on} title={text}>
      <Icon name={icon} />
      <span className="visually-hidden">{text}</span>
    </span>
  );
}
