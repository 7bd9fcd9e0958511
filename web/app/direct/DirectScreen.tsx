import { useEffect, useRef } from "react";
import { RoomScreen } from "../call/RoomScreen";
import { After } from "../features/after/After";
import { useObservable } from "../lib/useObservable";
import { type DirectCall, nameOf } from "./directCall";
import { DirectCallScreen } from "./DirectCallScreen";
import type { DirectFlow } from "./directFlow";
import { Start } from "./Start";

/** DirectScreen shows whichever part of the way through a direct call one is in. */
export function DirectScreen({ flow }: { flow: DirectFlow }) {
  const stage = useObservable(flow.stage);
  switch (stage.kind) {
    case "before":
      return <Start key={stage.problem} flow={flow} stage={stage} />;
    case "call":
    case "moving":
    case "room":
      // The room is drawn under the call until it shows the other, so that neither picture nor sound is missed.
      return (
        <>
          {stage.kind !== "call" && (
            <Proof flow={flow} call={stage.kind === "moving" ? stage.call : undefined}>
              <RoomScreen flow={stage.room} />
            </Proof>
          )}
          {stage.kind !== "room" && (
            <div className={stage.kind === "moving" ? "direct-over" : undefined} key="call">
              <DirectCallScreen call={stage.call} moving={stage.kind === "moving"} />
            </div>
          )}
        </>
      );
    case "after":
      return <After roomName="Direct call" ending={stage.ending} onRejoin={() => flow.again()} />;
  }
}

/** How often it is looked whether the room shows the other yet, in milliseconds. */
const lookEvery = 100;

/** Proof watches what the room shows while a direct call goes on above it: when it shows the other's picture, it takes over. */
function Proof({ flow, call, children }: { flow: DirectFlow; call: DirectCall | undefined; children: React.ReactNode }) {
  const ground = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!call) return;
    const timer = setInterval(() => {
      const tiles = [...(ground.current?.querySelectorAll<HTMLElement>('[data-me="false"][data-source="camera"]') ?? [])];
      const { other } = call.state.value;
      const shown = other?.camera === true ? "live" : "idle";
      if (tiles.some(({ dataset }) => dataset.participant === nameOf(other) && dataset.state === shown)) flow.arrived();
    }, lookEvery);
    return () => clearInterval(timer);
  }, [flow, call]);
  return (
    <div ref={ground} inert={call !== undefined}>
      {children}
    </div>
  );
}
