import { CallLayout } from "../callview/CallLayout";
import { ConnectionMark } from "../callview/ConnectionMark";
import { PathMark } from "../callview/PathMark";
import { directActions } from "../controls/actions/list";
import { useUnread } from "../features/chat/useUnread";
import { useObservable } from "../lib/useObservable";
import { supportsScreenShare } from "../media/screenShare";
import { Sound } from "../media/Sound";
import type { DirectCall, DirectState } from "./directCall";
import { DirectStage } from "./DirectStage";
import { KnockCard } from "./KnockCard";
import { WaitingCard } from "./WaitingCard";

/** DirectCallScreen is everything one sees during a direct call. */
export function DirectCallScreen({ call, moving }: { call: DirectCall; moving: boolean }) {
  const state = useObservable(call.state);
  const own = useObservable(call.own);
  const view = useObservable(call.view);
  const unread = useUnread(state.messages, view.panel === "chat");
  const { status, other } = state;
  const path = status === "live" ? (other?.stats.path ?? "unknown") : "unknown";
  return (
    <CallLayout
      call={call}
      state={{
        ...view,
        microphone: own.microphone,
        camera: own.camera,
        sharing: own.screen,
        canShare: supportsScreenShare(),
        people: other ? 2 : 1,
        unread,
      }}
      actions={directActions}
      title="Direct call"
      heading="Direct call"
      direct
      status={status}
      chat={{ messages: state.messages, send: (text) => call.say(text) }}
      stage={
        <>
          <DirectStage call={call} own={own} other={other} />
          {status === "waiting" && <WaitingCard session={state.session} />}
          {status === "knocking" && <p className="direct-card direct-card--line">Two people are in this call. They have been asked whether you all move to a meeting.</p>}
          {state.knocks && <KnockCard call={call} />}
          <ConnectionMark status={status === "interrupted" ? "reconnecting" : "live"} />
          {moving && <p className="connection" role="status">Moving to a meeting…</p>}
        </>
      }
      left={<PathMark path={path} session={state.session} status={words[status]} />}
    >
      <Sound track={other?.tracks.microphone} muted={moving} />
      <Sound track={other?.screen === true ? other.tracks.screenSound : undefined} muted={moving} />
    </CallLayout>
  );
}

/** The status in words, shown until the path is known. */
const words: Record<DirectState["status"], string> = {
  opening: "One moment…",
  waiting: "Waiting for the other",
  knocking: "Waiting to be let in",
  connecting: "Connecting…",
  live: "Connected",
  interrupted: "Reconnecting…",
};
