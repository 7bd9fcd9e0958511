import { CallLayout } from "../callview/CallLayout";
import { ConnectionStatus } from "../callview/ConnectionStatus";
import { MediaPathLabel } from "../callview/MediaPathLabel";
import { directActions } from "../controls/actions/list";
import { useUnread } from "../features/chat/useUnread";
import { useObservable } from "../lib/useObservable";
import { supportsScreenShare } from "../media/screenShare";
import { TrackAudio } from "../media/TrackAudio";
import type { DirectCall, DirectState } from "./directCall";
import { DirectStage } from "./DirectStage";
import { KnockCard } from "./KnockCard";
import { DirectInviteCard } from "./DirectInviteCard";

/**
 * DirectCallScreen shows a direct call: the tiles, the controls, the chat and the cards. moving is true while the call
 * moves to a meeting.
 */
export function DirectCallScreen({ call, moving }: { call: DirectCall; moving: boolean }) {
  const state = useObservable(call.state);
  const local = useObservable(call.localState);
  const view = useObservable(call.view);
  const unread = useUnread(state.messages, view.panel === "chat");
  const { status, peer } = state;
  const path = status === "connected" ? (peer?.stats.path ?? "unknown") : "unknown";
  return (
    <CallLayout
      call={call}
      state={{
        ...view,
        microphone: local.microphone,
        camera: local.camera,
        sharing: local.screen,
        canShare: supportsScreenShare(),
        people: peer ? 2 : 1,
        unread,
      }}
      actions={directActions}
      title="Direct call"
      heading="Direct call"
      direct
      status={status}
      chat={{ messages: state.messages, send: (text) => call.sendChat(text) }}
      stage={
        <>
          <DirectStage call={call} local={local} peer={peer} />
          {status === "waiting" && <DirectInviteCard session={state.session} />}
          {status === "knocking" && <p className="direct-card direct-card--line">Two people are already in this call. They have been asked whether to move to a meeting with you.</p>}
          {state.knockPending && <KnockCard call={call} />}
          <ConnectionStatus status={status === "interrupted" ? "reconnecting" : "connected"} />
          {moving && <p className="connection" role="status">Moving to a meeting…</p>}
        </>
      }
      left={<MediaPathLabel path={path} session={state.session} status={statusTexts[status]} />}
    >
      <TrackAudio track={peer?.tracks.microphone} muted={moving} />
      <TrackAudio track={peer?.screen === true ? peer.tracks.screenAudio : undefined} muted={moving} />
    </CallLayout>
  );
}

/** The texts shown until the path of the media is known. */
const statusTexts: Record<DirectState["status"], string> = {
  opening: "One moment…",
  waiting: "Waiting for the other person",
  knocking: "Waiting to be admitted",
  connecting: "Connecting…",
  connected: "Connected",
  interrupted: "Reconnecting…",
};
