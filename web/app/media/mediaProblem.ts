// Explains why a camera or a microphone could not be used.

export type DeviceKind = "microphone" | "camera";

export interface MediaProblem {
  /** A stable identifier, for logs and searches. */
  code: string;
  title: string;
  text: string;
  /** Whether trying again from the page may help. */
  retry: boolean;
}

/** MediaContext is information that distinguishes failures for which the browser reports the same error. */
export interface MediaContext {
  /** The permission for the device, or undefined where the browser does not report it. */
  permission?: PermissionState | undefined;
  /** Whether the page is a secure context (https or localhost). */
  secure: boolean;
  /** Whether the page is in a frame whose permissions policy forbids the device. */
  withheld: boolean;
}

/** mediaProblem returns the explanation of a failed request for a device, with what to do about it. */
export function mediaProblem(kind: DeviceKind, error: unknown, context: MediaContext): MediaProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const problem = (reason: string, retry: boolean, title: string, text: string): MediaProblem => ({
    code: `${kind}-${reason}`,
    title,
    text,
    retry,
  });
  if (!context.secure) {
    return problem("insecure", false, `This page cannot use your ${kind}`, "Browsers allow it only on pages served over https. Open this meeting with its https address.");
  }
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      if (context.withheld) {
        return problem("withheld", false, `The surrounding page blocks the ${kind}`, `Its owner has to add allow="camera; microphone" to the frame.`);
      }
      if (context.permission === "granted") {
        return problem("system", true, `Your system blocks the ${kind}`, `This site may use it, but the browser may not. Allow the browser to use the ${kind} in your system's privacy settings.`);
      }
      if (context.permission === "prompt") {
        return problem("dismissed", true, `The ${kind} is not allowed yet`, "The browser asked for permission and got no answer. Try again and choose Allow.");
      }
      return problem("denied", true, `The ${kind} is blocked for this site`, `Open the site settings beside the address bar and allow the ${kind}. You do not need to reload the page.`);
    case "NotFoundError":
      return problem("missing", true, `No ${kind} was found`, kind === "camera" ? "Check that it is plugged in and that no cover or switch blocks it." : "Check that it is plugged in and switched on.");
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return problem("busy", true, `The ${kind} is in use elsewhere`, "Another program or tab is using it, often another video call. Close that and try again.");
    case "OverconstrainedError":
      return problem("unavailable", true, `The chosen ${kind} is not available`, "Choose another one from the list.");
    default:
      return problem("failed", true, `The ${kind} could not be started`, "Unplug it and plug it in again, or restart the browser, and try again.");
  }
}
