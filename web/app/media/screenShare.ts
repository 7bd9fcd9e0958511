/** supportsScreenShare is false on phones, whose browsers cannot capture a screen. */
export function supportsScreenShare(): boolean {
  return "mediaDevices" in navigator && "getDisplayMedia" in navigator.mediaDevices;
}

/** screenShareProblem says why a screen could not be shared; undefined if the person dismissed the browser's picker. */
export function screenShareProblem(error: unknown): string | undefined {
  const refused = error instanceof DOMException && error.name === "NotAllowedError";
  if (!refused) return "Your screen could not be shared. Try again.";
  // Browsers say the same when the person dismissed their picker and when the system forbids it, but for the message.
  if (!/system/i.test(error.message)) return undefined;
  return "Your system does not let the browser record the screen. Allow it in the system's privacy settings.";
}
