import { ParticipantEvent, type Participant, Track } from "livekit-client";
import { useEffect, useState } from "react";
import type { VideoProblem } from "../ui/Tile";

/**
 * useVideoProblem returns why a published video is not received: "paused" if the server has paused it for lack of bandwidth,
 * "unsupported" if this browser cannot decode it, or "" if there is no problem.
 */
export function useVideoProblem(participant: Participant, source: Track.Source): VideoProblem {
  const [problem, setProblem] = useState<VideoProblem>("");
  useEffect(() => {
    const read = () => {
      const publication = participant.getTrackPublication(source);
      setProblem(publication?.track?.streamState === Track.StreamState.Paused ? "paused" : "");
    };
    const failed = (sid: string) => {
      if (participant.getTrackPublication(source)?.trackSid === sid) setProblem("unsupported");
    };
    read();
    participant
      .on(ParticipantEvent.TrackStreamStateChanged, read)
      .on(ParticipantEvent.TrackSubscribed, read)
      .on(ParticipantEvent.TrackUnpublished, read)
      .on(ParticipantEvent.TrackSubscriptionFailed, failed);
    return () => {
      participant
        .off(ParticipantEvent.TrackStreamStateChanged, read)
        .off(ParticipantEvent.TrackSubscribed, read)
        .off(ParticipantEvent.TrackUnpublished, read)
        .off(ParticipantEvent.TrackSubscriptionFailed, failed);
    };
  }, [participant, source]);
  return problem;
}
