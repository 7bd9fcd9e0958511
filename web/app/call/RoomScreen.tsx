import { After } from "../features/after/After";
import { PreJoin } from "../features/prejoin/PreJoin";
import { useObservable } from "../lib/useObservable";
import { CallScreen } from "./CallScreen";
import type { RoomFlow } from "./roomFlow";

/** RoomScreen shows whichever part of the way through a room one is in. */
export function RoomScreen({ flow }: { flow: RoomFlow }) {
  const stage = useObservable(flow.stage);
  switch (stage.kind) {
    case "before":
      return <PreJoin room={flow.access} media={stage.media} onJoin={(name) => flow.enter(name)} />;
    case "call":
      return <CallScreen call={stage.call} access={flow.access} />;
    case "after":
      return <After roomName={flow.access.roomName} ending={stage.ending} onRejoin={() => flow.rejoin()} />;
  }
}
