import { RoomAudioRenderer, RoomContext, useAudioPlayback, useLocalParticipant, useParticipants } from "@livekit/components-react";
import { CallLayout } from "../callview/CallLayout";
import { ConnectionStatus } from "../callview/ConnectionStatus";
import { MediaPathLabel } from "../callview/MediaPathLabel";
import type { CallState } from "../controls/action";
import { meetingActions } from "../controls/actions/list";
import { InviteButton } from "../features/invite/InviteButton";
import { InviteCard } from "../features/invite/InviteCard";
import { InviteLink } from "../features/invite/InviteLink";
import { PeoplePanel } from "../features/people/PeoplePanel";
import { useObservable } from "../lib/useObservable";
import { supportsScreenShare } from "../media/screenShare";
import { TrackAudio } from "../media/TrackAudio";
import { Icon } from "../ui/Icon";
import type { Call } from "./call";
import type { RoomAccess } from "./roomAccess";
import { Stage } from "./Stage";
import { useChatMessages } from "./useChatMessages";

/** CallScreen shows a call in a meeting: the tiles, the controls, the panels and the dialogs. */
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
  const direct = useObservable(call.direct.media);
  const me = useLocalParticipant();
  const people = useParticipants();
  const { messages, unread, send } = useChatMessages(view.panel === "chat");
  const state: CallState = {
    ...view,
    microphone: me.isMicrophoneEnabled,
    camera: me.isCameraEnabled,
    sharing: me.isScreenShareEnabled,
    canShare: supportsScreenShare(),
    people: people.length,
    unread,
  };
  const alone = status === "connected" && people.length === 1;
  return (
    <CallLayout
      call={call}
      state={state}
      actions={meetingActions}
      title={access.roomName}
      heading={`Meeting ${access.roomName}`}
      status={status}
      readPath={call.readPath}
      chat={{ messages, send }}
      stage={
        <>
          <Stage direct={direct} onStopSharing={() => void call.setSharing(false)} />
          {alone && access.hasInviteLink && !state.sharing && <InviteCard />}
          <ConnectionStatus status={status} />
          <StartAudio />
        </>
      }
      panel={
        view.panel === "people" && (
          <PeoplePanel people={people} onClose={() => call.show({ panel: null })}>
            <InviteLink />
          </PeoplePanel>
        )
      }
      left={access.hasInviteLink ? <InviteButton roomName={access.roomName} /> : <RoomName name={access.roomName} />}
      right={<MediaPathLabel path={Object.keys(direct.tracks).length > 0 ? "direct" : "server"} />}
    >
      <DeviceStatus microphone={state.microphone} camera={state.camera} sharing={state.sharing} />
      <RoomAudioRenderer />
      <TrackAudio track={direct.tracks.microphone} onRefused={() => call.direct.refuse("microphone")} />
      <TrackAudio track={direct.tracks.screenAudio} onRefused={() => call.direct.refuse("screenAudio")} />
    </CallLayout>
  );
}

/** RoomName shows the meeting's name where there is no link to share. */
function RoomName({ name }: { name: string }) {
  return (
    <p className="call__room" title={name}>
      {name}
    </p>
  );
}

/** StartAudio is a button for browsers that play no audio before the first click on a page. */
function StartAudio() {
  const { canPlayAudio, startAudio } = useAudioPlayback();
  if (canPlayAudio) return null;
  return (
    <button type="button" className="start-audio" onClick={() => void startAudio()}>
      <Icon name="speaker" />
      Turn on sound
    </button>
  );
}

/** DeviceStatus announces to screen readers which devices are on, because shortcuts change them without a visible focus. */
function DeviceStatus({ microphone, camera, sharing }: { microphone: boolean; camera: boolean; sharing: boolean }) {
  return (
    <p className="visually-hidden" role="status">
      {microphone ? "Microphone on. " : "Microphone off. "}
      {camera ? "Camera on. " : "Camera off. "}
      {sharing && "You are sharing your screen."}
    </p>
  );
}
