/** supportsScreenShare reports whether the browser can capture a screen. Browsers on phones cannot. */
export function supportsScreenShare(): boolean {
  return "mediaDevices" in navigator && "getDisplayMedia" in navigator.mediaDevices;
}

/**
 * screenShareProblem returns the text for a failed screen share, or undefined if the person dismissed the browser's picker.
 */
export function screenShareProblem(error: unknown): string | undefined {
  const refused = error instanceof DOMException && error.name === "NotAllowedError";
  if (!refused) return "Your screen could not be shared. Try again.";
  // Browsers report a dismissed picker and a block by the operating system with the same error name. Only the message
  // differs.
  if (!/system/i.test(error.message)) return undefined;
  return "Your system does not allow the browser to record the screen. Allow it in the system's privacy settings.";
}
