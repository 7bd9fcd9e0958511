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
      return <PreJoin room={flow.door} media={stage.media} onJoin={(name) => flow.enter(name)} />;
    case "call":
      return <CallScreen call={stage.call} door={flow.door} />;
    case "after":
      return <After roomName={flow.door.roomName} ending={stage.ending} onRejoin={() => flow.rejoin()} />;
  }
}
