import type { Action, CallState, Controls } from "../controls/action";
import { ControlBar } from "../controls/ControlBar";
import { useKeyboard } from "../controls/useKeyboard";
import { type CallWithDevices, useDeviceNotices } from "../devices/useDeviceNotices";
import { ChatPanel } from "../features/chat/ChatPanel";
import type { ChatMessage } from "../features/chat/message";
import { HelpDialog } from "../features/help/HelpDialog";
import { SettingsDialog } from "../features/settings/SettingsDialog";
import { usePageTitle } from "../lib/usePageTitle";
import { NoticeList } from "../notices/NoticeList";
import type { ServerPath } from "../peer/serverPath";
import { Icon } from "../ui/Icon";
import { useWakeLock } from "./useWakeLock";
import "./call.css";

interface CallLayoutProps {
  call: Controls & CallWithDevices;
  state: CallState;
  actions: readonly Action[];
  /** The title of the page. */
  title: string;
  heading: string;
  /** Whether it is a direct call, which has styles of its own. */
  direct?: boolean;
  status: string;
  /** Reads how media reach the server, if they do. */
  readPath?: () => Promise<ServerPath | undefined>;
  chat: { messages: readonly ChatMessage[]; send: (text: string) => Promise<unknown> };
  /** The tiles, and the cards over them. */
  stage: React.ReactNode;
  /** A panel beside the stage other than the chat. */
  panel?: React.ReactNode;
  /** The elements left and right of the control bar. */
  left: React.ReactNode;
  right?: React.ReactNode;
  /** Invisible elements: audio, and texts for screen readers. */
  children: React.ReactNode;
}

/** CallLayout shows the stage of a call with control bar, chat, dialogs and notices, and handles the shortcuts. */
export function CallLayout(props: CallLayoutProps) {
  const { call, state, actions } = props;
  useKeyboard(call, state, actions);
  useWakeLock();
  useDeviceNotices(call);
  usePageTitle(`${state.unread > 0 ? `(${state.unread}) ` : ""}${props.title} · Meet`);

  const closeDialog = () => call.show({ dialog: null });
  return (
    <div className={props.direct === true ? "call direct" : "call"} data-panel={state.panel ?? undefined} data-status={props.status}>
      <h1 className="visually-hidden">{props.heading}</h1>
      <div className="call__stage">{props.stage}</div>
      {state.panel === "chat" && <ChatPanel {...props.chat} onClose={() => call.show({ panel: null })} />}
      {props.panel}
      <footer className="call__bar">
        {props.left}
        <ControlBar call={call} state={state} actions={actions} />
        <div className="call__help">
          {props.right}
          <button type="button" className="icon-button" aria-label="Keyboard shortcuts" onClick={() => call.show({ dialog: "help" })}>
            <Icon name="help" />
          </button>
        </div>
      </footer>
      <NoticeList notices={call.notices} />
      {state.dialog === "settings" && <SettingsDialog choose={(kind, deviceId) => void call.chooseDevice(kind, deviceId)} readPath={props.readPath} onClose={closeDialog} />}
      {state.dialog === "help" && <HelpDialog actions={actions} onClose={closeDialog} />}
      {props.children}
    </div>
  );
}
