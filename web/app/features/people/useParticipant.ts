import { ParticipantEvent, type Participant } from "livekit-client";
import { useCallback, useSyncExternalStore } from "react";
import { normalizeName } from "../../lib/name";

const changes = [
  ParticipantEvent.TrackMuted,
  ParticipantEvent.TrackUnmuted,
  ParticipantEvent.TrackPublished,
  ParticipantEvent.TrackUnpublished,
  ParticipantEvent.TrackSubscribed,
  ParticipantEvent.TrackUnsubscribed,
  ParticipantEvent.LocalTrackPublished,
  ParticipantEvent.LocalTrackUnpublished,
  ParticipantEvent.IsSpeakingChanged,
  ParticipantEvent.ConnectionQualityChanged,
  ParticipantEvent.ParticipantNameChanged,
  ParticipantEvent.ParticipantPermissionsChanged,
] as const;

/** useParticipant returns the value of `read(participant)`, and renders again when the participant changes. */
export function useParticipant<T extends string | boolean>(participant: Participant, read: (participant: Participant) => T): T {
  const subscribe = useCallback(
    (listener: () => void) => {
      for (const event of changes) participant.on(event, listener);
      return () => {
        for (const event of changes) participant.off(event, listener);
      };
    },
    [participant],
  );
  return useSyncExternalStore(subscribe, () => read(participant));
}

/** displayName returns the name to show for a participant. It is normalized, because other servers accept any name. */
export function displayName(participant: Participant): string {
  return normalizeName(participant.name ?? "") || normalizeName(participant.identity) || "Guest";
}
