import { useEffect, useRef } from "react";
import { RoomScreen } from "../call/RoomScreen";
import { EndScreen } from "../features/ended/EndScreen";
import { useObservable } from "../lib/useObservable";
import { type DirectCall, displayNameOf } from "./directCall";
import { DirectCallScreen } from "./DirectCallScreen";
import type { DirectFlow } from "./directFlow";
import { StartScreen } from "./StartScreen";

/** DirectScreen shows the current step of a direct call: the start page, the call, the move to a meeting, or the end. */
export function DirectScreen({ flow }: { flow: DirectFlow }) {
  const step = useObservable(flow.step);
  switch (step.kind) {
    case "prejoin":
      return <StartScreen key={step.problem} flow={flow} step={step} />;
    case "call":
    case "moving":
    case "room":
      // The meeting is rendered under the call until it shows the peer, so that no audio or video is missed.
      return (
        <>
          {step.kind !== "call" && (
            <MeetingBelowCall flow={flow} call={step.kind === "moving" ? step.call : undefined}>
              <RoomScreen flow={step.room} />
            </MeetingBelowCall>
          )}
          {step.kind !== "room" && (
            <div className={step.kind === "moving" ? "direct-overlay" : undefined} key="call">
              <DirectCallScreen call={step.call} moving={step.kind === "moving"} />
            </div>
          )}
        </>
      );
    case "ended":
      return <EndScreen roomName="Direct call" ending={step.ending} onRejoin={() => flow.rejoin()} />;
  }
}

/** The time between two checks of whether the meeting shows the peer, in milliseconds. */
const pollInterval = 100;

/**
 * MeetingBelowCall completes the move when the meeting's tile of the peer plays video, or when there is a tile without video
 * and the peer's camera is off.
 */
function MeetingBelowCall({ flow, call, children }: { flow: DirectFlow; call: DirectCall | undefined; children: React.ReactNode }) {
  const meeting = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!call) return;
    const timer = setInterval(() => {
      const tiles = [...(meeting.current?.querySelectorAll<HTMLElement>('[data-me="false"][data-source="camera"]') ?? [])];
      const { peer } = call.state.value;
      const expected = peer?.camera === true ? "playing" : "idle";
      if (tiles.some(({ dataset }) => dataset.participant === displayNameOf(peer) && dataset.state === expected)) flow.completeMove();
    }, pollInterval);
    return () => clearInterval(timer);
  }, [flow, call]);
  return (
    <div ref={meeting} inert={call !== undefined}>
      {children}
    </div>
  );
}
