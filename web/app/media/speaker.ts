/** The notice for a failed change of the speaker. */
export const speakerProblem = "The speaker could not be changed. The previous one is still in use.";

/** supportsSpeakerChoice reports whether pages can choose the speaker. Some browsers always use the system's default. */
export function supportsSpeakerChoice(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** setSpeaker plays every TrackAudio element through another speaker. An empty id means the system's default. */
export async function setSpeaker(deviceId: string): Promise<void> {
  await Promise.all([...document.querySelectorAll<HTMLAudioElement>("audio[data-direct]")].map((element) => element.setSinkId(deviceId)));
}
