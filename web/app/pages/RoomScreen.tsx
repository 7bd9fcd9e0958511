import type { RoomFlow } from "../call/flow";
import { CallScreen } from "../call/CallScreen";
import { After } from "../features/after/After";
import { PreJoin } from "../features/prejoin/PreJoin";
import { useObservable } from "../lib/useObservable";

/** RoomScreen shows whichever part of the way through a room one is in. */
export function RoomScreen({ flow }: { flow: RoomFlow }) {
  const stage = useObservable(flow.stage);
  switch (stage.kind) {
    case "before":
      return <PreJoin roomName={flow.roomName} media={stage.media} onJoin={(name) => flow.enter(name)} />;
    case "call":
      return <CallScreen call={stage.call} roomName={flow.roomName} />;
    case "after":
      return <After roomName={flow.roomName} ending={stage.ending} onRejoin={() => flow.rejoin()} />;
  }
}
