import { RoomAudioRenderer, RoomContext, useAudioPlayback, useLocalParticipant, useParticipants } from "@livekit/components-react";
import { useCallback } from "react";
import { ConnectionMark } from "../callview/ConnectionMark";
import { useWakeLock } from "../callview/useWakeLock";
import type { CallState } from "../controls/action";
import { meetingActions } from "../controls/actions/list";
import { ControlBar } from "../controls/ControlBar";
import { useKeyboard } from "../controls/useKeyboard";
import { useDeviceNotices } from "../devices/useDeviceNotices";
import { ChatPanel } from "../features/chat/ChatPanel";
import { HelpDialog } from "../features/help/HelpDialog";
import { InviteButton } from "../features/invite/InviteButton";
import { InviteCard } from "../features/invite/InviteCard";
import { PeoplePanel } from "../features/people/PeoplePanel";
import { SettingsDialog } from "../features/settings/SettingsDialog";
import { useObservable } from "../lib/useObservable";
import { usePageTitle } from "../lib/usePageTitle";
import { Sound } from "../media/Sound";
import { supportsScreenShare } from "../media/support";
import { NoticeList } from "../notices/NoticeList";
import { Icon } from "../ui/Icon";
import type { Call } from "./call";
import { chooseDevice } from "./chooseDevice";
import type { Door } from "./door";
import { Stage } from "./Stage";
import { useMessages } from "./useMessages";
import "../callview/call.css";

/** CallScreen is everything one sees during the call. */
export function CallScreen({ call, door }: { call: Call; door: Door }) {
  return (
    <RoomContext.Provider value={call.room}>
      <Screen call={call} door={door} />
    </RoomContext.Provider>
  );
}

function Screen({ call, door }: { call: Call; door: Door }) {
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
  const choose = useCallback((kind: MediaDeviceKind, deviceId: string) => void chooseDevice(call, kind, deviceId), [call]);
  useKeyboard(call, state, meetingActions);
  useWakeLock();
  useDeviceNotices(call.notices, choose);
  usePageTitle(unread > 0 ? `(${unread}) ${door.roomName} · Meet` : `${door.roomName} · Meet`);

  const alone = status === "live" && people.length === 1;
  const closePanel = () => call.show({ panel: null });
  return (
    <div className="call" data-panel={view.panel ?? undefined} data-status={status}>
      <h1 className="visually-hidden">Meeting {door.roomName}</h1>
      <div className="call__stage">
        <Stage direct={direct} onStopSharing={() => void call.setSharing(false)} />
        {alone && door.shared && !state.sharing && <InviteCard />}
        <ConnectionMark status={status} />
        <TapToHear />
      </div>
      {view.panel === "chat" && <ChatPanel messages={messages} send={send} onClose={closePanel} />}
      {view.panel === "people" && <PeoplePanel people={people} onClose={closePanel} />}
      <footer className="call__bar">
        {door.shared ? <InviteButton roomName={door.roomName} /> : <RoomName name={door.roomName} />}
        <ControlBar call={call} state={state} actions={meetingActions} />
        <div className="call__help">
          <PathMark direct={Object.keys(direct.tracks).length > 0} />
          <button type="button" className="icon-button" aria-label="Keyboard shortcuts" onClick={() => call.show({ dialog: "help" })}>
            <Icon name="help" />
          </button>
        </div>
      </footer>
      <NoticeList notices={call.notices} />
      <OwnState microphone={state.microphone} camera={state.camera} sharing={state.sharing} />
      {view.dialog === "settings" && <SettingsDialog choose={choose} onClose={() => call.show({ dialog: null })} />}
      {view.dialog === "help" && <HelpDialog actions={meetingActions} onClose={() => call.show({ dialog: null })} />}
      <RoomAudioRenderer />
      <Sound track={direct.tracks.microphone} onRefused={() => call.direct.refuse("microphone")} />
      <Sound track={direct.tracks.screenSound} onRefused={() => call.direct.refuse("screenSound")} />
    </div>
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

/** Says that the two who are here no longer need the server, where that is so. */
function PathMark({ direct }: { direct: boolean }) {
  return (
    <p className="path-mark" role="status" data-path={direct ? "direct" : "server"} title={direct ? "Sound and picture go straight from browser to browser." : undefined}>
      {direct && "Direct connection"}
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
