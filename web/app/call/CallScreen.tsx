import { RoomAudioRenderer, RoomContext, useAudioPlayback, useLocalParticipant, useParticipants } from "@livekit/components-react";
import { CallLayout } from "../callview/CallLayout";
import { ConnectionMark } from "../callview/ConnectionMark";
import { PathMark } from "../callview/PathMark";
import type { CallState } from "../controls/action";
import { meetingActions } from "../controls/actions/list";
import { InviteButton } from "../features/invite/InviteButton";
import { InviteCard } from "../features/invite/InviteCard";
import { InviteLink } from "../features/invite/InviteLink";
import { PeoplePanel } from "../features/people/PeoplePanel";
import { useObservable } from "../lib/useObservable";
import { supportsScreenShare } from "../media/screenShare";
import { Sound } from "../media/Sound";
import { Icon } from "../ui/Icon";
import type { Call } from "./call";
import type { RoomAccess } from "./roomAccess";
import { Stage } from "./Stage";
import { useMessages } from "./useMessages";

/** CallScreen is everything one sees during the call. */
export function CallScreen({ call, access }: { call: Call; access: RoomAccess }) {
  return (
    <RoomContext.Provider value={call.room}>
      <Screen call={call} access={access} />
    </RoomContext.Provider>
  );
}

function Screen({ call, access }: { call: Call; access: RoomAccess }) {
  const status = useObservable(call.status);
  const view = useObservable(call.view);
  const direct = useObservable(call.direct.shown);
  const me = useLocalParticipant();
  const people = useParticipants();
  const { messages, unread, send } = useMessages(view.panel === "chat");
  const state: CallState = {
    ...view,
    microphone: me.isMicrophoneEnabled,
    camera: me.isCameraEnabled,
    sharing: me.isScreenShareEnabled,
    canShare: supportsScreenShare(),
    people: people.length,
    unread,
  };
  const alone = status === "live" && people.length === 1;
  return (
    <CallLayout
      call={call}
      state={state}
      actions={meetingActions}
      title={access.roomName}
      heading={`Meeting ${access.roomName}`}
      status={status}
      chat={{ messages, send }}
      stage={
        <>
          <Stage direct={direct} onStopSharing={() => void call.setSharing(false)} />
          {alone && access.shared && !state.sharing && <InviteCard />}
          <ConnectionMark status={status} />
          <TapToHear />
        </>
      }
      panel={
        view.panel === "people" && (
          <PeoplePanel people={people} onClose={() => call.show({ panel: null })}>
            <InviteLink />
          </PeoplePanel>
        )
      }
      left={access.shared ? <InviteButton roomName={access.roomName} /> : <RoomName name={access.roomName} />}
      right={<PathMark path={Object.keys(direct.tracks).length > 0 ? "direct" : "server"} />}
    >
      <OwnState microphone={state.microphone} camera={state.camera} sharing={state.sharing} />
      <RoomAudioRenderer />
      <Sound track={direct.tracks.microphone} onRefused={() => call.direct.refuse("microphone")} />
      <Sound track={direct.tracks.screenSound} onRefused={() => call.direct.refuse("screenSound")} />
    </CallLayout>
  );
}

/** The meeting's name, where there is no link to give away. */
function RoomName({ name }: { name: string }) {
  return (
    <p className="call__room" title={name}>
      {name}
    </p>
  );
}

/** Browsers stay silent until the page is touched when nothing was clicked on it before. */
function TapToHear() {
  const { canPlayAudio, startAudio } = useAudioPlayback();
  if (canPlayAudio) return null;
  return (
    <button type="button" className="tap-to-hear" onClick={() => void startAudio()}>
      <Icon name="speaker" />
      Tap to hear
    </button>
  );
}

/** Says one's own state to screen readers when a key changed it. */
function OwnState({ microphone, camera, sharing }: { microphone: boolean; camera: boolean; sharing: boolean }) {
  return (
    <p className="visually-hidden" role="status">
      {microphone ? "Microphone on. " : "Microphone off. "}
      {camera ? "Camera on. " : "Camera off. "}
      {sharing && "You are sharing your screen."}
    </p>
  );
}
