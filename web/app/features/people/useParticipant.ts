import { ParticipantEvent, type Participant } from "livekit-client";
import { useCallback, useSyncExternalStore } from "react";
import { shownName } from "../../lib/name";

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

/** useParticipant reads something of a participant and draws again when it changes. */
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

/** displayName is what a person is called on the screen, on servers that let in any name too. */
export function displayName(participant: Participant): string {
  return shownName(participant.name ?? "") || shownName(participant.identity) || "Guest";
}
