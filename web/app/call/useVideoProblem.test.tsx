import { type Participant, ParticipantEvent, Track } from "livekit-client";
import { act } from "react";
import { expect, it } from "vitest";
import { render } from "../ui/testing";
import { useVideoProblem } from "./useVideoProblem";

/** fakeParticipant returns a participant with one camera track, and a function that emits its events. */
function fakeParticipant() {
  const listeners = new Map<string, Set<(...args: unknown[]) => void>>();
  const publication = { trackSid: "TR_camera", track: { streamState: "active" } };
  const participant = {
    getTrackPublication: (source: Track.Source) => (source === Track.Source.Camera ? publication : undefined),
    on(event: string, listener: (...args: unknown[]) => void) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
      return participant;
    },
    off(event: string, listener: (...args: unknown[]) => void) {
      listeners.get(event)?.delete(listener);
      return participant;
    },
  };
  const emit = (event: ParticipantEvent, ...args: unknown[]) => {
    act(() => listeners.get(event)?.forEach((listener) => listener(...args)));
  };
  return { participant: participant as unknown as Participant, publication, emit };
}

function Probe({ participant, source }: { participant: Participant; source: Track.Source }) {
  return <output>{useVideoProblem(participant, source)}</output>;
}

it("returns paused while the stream is paused", () => {
  const { participant, publication, emit } = fakeParticipant();
  const root = render(<Probe participant={participant} source={Track.Source.Camera} />);
  expect(root.textContent).toBe("");
  publication.track.streamState = "paused";
  emit(ParticipantEvent.TrackStreamStateChanged);
  expect(root.textContent).toBe("paused");
  publication.track.streamState = "active";
  emit(ParticipantEvent.TrackStreamStateChanged);
  expect(root.textContent).toBe("");
});

it("returns unsupported when the subscription of that track fails", () => {
  const { participant, emit } = fakeParticipant();
  const camera = render(<Probe participant={participant} source={Track.Source.Camera} />);
  emit(ParticipantEvent.TrackSubscriptionFailed, "TR_other");
  expect(camera.textContent).toBe("");
  emit(ParticipantEvent.TrackSubscriptionFailed, "TR_camera");
  expect(camera.textContent).toBe("unsupported");
});
