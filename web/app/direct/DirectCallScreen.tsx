import { useCallback } from "react";
import { ConnectionMark } from "../callview/ConnectionMark";
import { useWakeLock } from "../callview/useWakeLock";
import type { CallState } from "../controls/action";
import { directActions } from "../controls/actions/list";
import { ControlBar } from "../controls/ControlBar";
import { useKeyboard } from "../controls/useKeyboard";
import { useDeviceNotices } from "../devices/useDeviceNotices";
import { ChatPanel } from "../features/chat/ChatPanel";
import { useUnread } from "../features/chat/useUnread";
import { HelpDialog } from "../features/help/HelpDialog";
import { SettingsDialog } from "../features/settings/SettingsDialog";
import { useObservable } from "../lib/useObservable";
import { usePageTitle } from "../lib/usePageTitle";
import { setSpeaker, Sound } from "../media/Sound";
import { supportsScreenShare } from "../media/support";
import { NoticeList } from "../notices/NoticeList";
import { Icon } from "../ui/Icon";
import type { DirectCall, DirectState } from "./directCall";
import { DirectStage } from "./DirectStage";
import { KnockCard } from "./KnockCard";
import { WaitingCard } from "./WaitingCard";
import "../callview/call.css";

/** DirectCallScreen is everything one sees during a direct call. */
export function DirectCallScreen({ call, moving }: { call: DirectCall; moving: boolean }) {
  const state = useObservable(call.state);
  const own = useObservable(call.own);
  const view = useObservable(call.view);
  const unread = useUnread(state.messages, view.panel === "chat");
  const { status, other } = state;
  const controls: CallState = {
    ...view,
    microphone: own.microphone,
    camera: own.camera,
    sharing: own.screen,
    canShare: supportsScreenShare(),
    people: other ? 2 : 1,
    unread,
  };
  const choose = useChoose(call);
  useKeyboard(call, controls, directActions);
  useWakeLock();
  useDeviceNotices(call.notices, choose);
  usePageTitle(`${unread > 0 ? `(${unread}) ` : ""}Direct call · Meet`);
  return (
    <div className="call direct" data-panel={view.panel ?? undefined} data-status={status}>
      <h1 className="visually-hidden">Direct call</h1>
      <div className="call__stage">
        <DirectStage call={call} own={own} other={other} />
        {status === "waiting" && <WaitingCard session={state.session} />}
        {status === "knocking" && <p className="direct-card direct-card--line">Two people are in this call. They have been asked whether you all move to a meeting.</p>}
        {state.knocks && <KnockCard call={call} />}
        <ConnectionMark status={status === "interrupted" ? "reconnecting" : "live"} />
        {moving && <p className="connection" role="status">Moving to a meeting…</p>}
      </div>
      {view.panel === "chat" && <ChatPanel messages={state.messages} send={(text) => call.say(text)} onClose={() => call.show({ panel: null })} />}
      <footer className="call__bar">
        <PathMark state={state} />
        <ControlBar call={call} state={controls} actions={directActions} />
        <div className="call__help">
          <button type="button" className="icon-button" aria-label="Keyboard shortcuts" onClick={() => call.show({ dialog: "help" })}>
            <Icon name="help" />
          </button>
        </div>
      </footer>
      <NoticeList notices={call.notices} />
      {view.dialog === "settings" && <SettingsDialog choose={choose} onClose={() => call.show({ dialog: null })} />}
      {view.dialog === "help" && <HelpDialog actions={directActions} onClose={() => call.show({ dialog: null })} />}
      <Sound track={other?.tracks.microphone} muted={moving} />
      <Sound track={other?.screen === true ? other.tracks.screenSound : undefined} muted={moving} />
    </div>
  );
}

/** Which way the media take, in words; the session's id for programs. */
function PathMark({ state: { status, session, other } }: { state: DirectState }) {
  const path = status === "live" ? (other?.stats.path ?? "unknown") : "unknown";
  return (
    <p className="path-mark" role="status" data-session={session} data-path={path} title={path === "unknown" ? undefined : pathHints[path]}>
      {path === "unknown" ? states[status] : paths[path]}
    </p>
  );
}

const states: Record<DirectState["status"], string> = {
  opening: "One moment…",
  waiting: "Waiting for the other",
  knocking: "Waiting to be let in",
  connecting: "Connecting…",
  live: "Connected",
  interrupted: "Reconnecting…",
};
const paths = { direct: "Direct connection", relayed: "Relayed, encrypted" };
const pathHints = {
  direct: "Sound and picture go straight from browser to browser.",
  relayed: "No direct path exists between you, so this server passes sound and picture on. It cannot hear or see them.",
};

/** choose for a direct call; the loudspeaker is set on the elements that play. */
function useChoose(call: DirectCall): (kind: MediaDeviceKind, deviceId: string) => void {
  return useCallback(
    (kind: MediaDeviceKind, deviceId: string) => {
      call.choose(kind, deviceId);
      if (kind !== "audiooutput") return;
      setSpeaker(deviceId).catch(() => call.notices.say("The speaker could not be changed. Sound goes on where it was."));
    },
    [call],
  );
}
