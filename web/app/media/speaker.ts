/** What the person reads when the loudspeaker stays as it was. */
export const speakerProblem = "The speaker could not be changed. Sound goes on where it was.";

/** supportsSpeakerChoice is false where the browser always plays through the system's output. */
export function supportsSpeakerChoice(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** setSpeaker moves every Sound to another loudspeaker; the empty id is the system's default. */
export async function setSpeaker(deviceId: string): Promise<void> {
  await Promise.all([...document.querySelectorAll<HTMLAudioElement>("audio[data-direct]")].map((element) => element.setSinkId(deviceId)));
}
