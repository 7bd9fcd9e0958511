import { EndScreen } from "../features/ended/EndScreen";
import { PreJoin } from "../features/prejoin/PreJoin";
import { useObservable } from "../lib/useObservable";
import { CallScreen } from "./CallScreen";
import type { RoomFlow } from "./roomFlow";

/** RoomScreen shows the current step of a meeting: the preview before it, the call, or the end. */
export function RoomScreen({ flow }: { flow: RoomFlow }) {
  const step = useObservable(flow.step);
  switch (step.kind) {
    case "prejoin":
      return <PreJoin room={flow.access} media={step.media} onJoin={(name) => flow.enter(name)} />;
    case "call":
      return <CallScreen call={step.call} access={flow.access} />;
    case "ended":
      return <EndScreen roomName={flow.access.roomName} ending={step.ending} onRejoin={() => flow.rejoin()} />;
  }
}
