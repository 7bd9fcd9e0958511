import { ParticipantEvent, type Participant, Track } from "livekit-client";
import { useEffect, useState } from "react";
import type { Interruption } from "../ui/Tile";

/**
 * useInterruption tells why a picture that somebody sends is not to be seen: the server holds it back because too little
 * arrives here, or this browser does not decode it. The empty string means it comes.
 */
export function useInterruption(participant: Participant, source: Track.Source): Interruption {
  const [interruption, setInterruption] = useState<Interruption>("");
  useEffect(() => {
    const read = () => {
      const publication = participant.getTrackPublication(source);
      setInterruption(publication?.track?.streamState === Track.StreamState.Paused ? "paused" : "");
    };
    const failed = (sid: string) => {
      if (participant.getTrackPublication(source)?.trackSid === sid) setInterruption("unsupported");
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
  return interruption;
}
