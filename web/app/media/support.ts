/** supportsScreenShare is false on phones, whose browsers cannot capture a screen. */
export function supportsScreenShare(): boolean {
  return "mediaDevices" in navigator && "getDisplayMedia" in navigator.mediaDevices;
}

/** supportsSpeakerChoice is false where the browser always plays through the system's output. */
export function supportsSpeakerChoice(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}
