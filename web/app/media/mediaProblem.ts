// Says in words why a camera or a microphone could not be had.

export type DeviceKind = "microphone" | "camera";

export interface MediaProblem {
  /** A steady word an operator can search for. */
  code: string;
  title: string;
  text: string;
  /** What a button may do about it: ask the browser again, or nothing from within the page. */
  retry: boolean;
}

/** What else is known when a request fails; the browser's error alone does not tell the cases apart. */
export interface MediaContext {
  /** What the browser says it was told about this device, when it can be asked. */
  permission?: PermissionState | undefined;
  secure: boolean;
  /** The page is shown inside another one, whose policy withholds the device. */
  withheld: boolean;
}

/** mediaProblem turns a failed request for a device into something a person can act on. */
export function mediaProblem(kind: DeviceKind, error: unknown, context: MediaContext): MediaProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const problem = (what: string, retry: boolean, title: string, text: string): MediaProblem => ({
    code: `${kind}-${what}`,
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
        return problem("withheld", false, `The surrounding page withholds the ${kind}`, `Its owner has to allow it: allow="camera; microphone".`);
      }
      if (context.permission === "granted") {
        return problem("system", true, `Your system blocks the ${kind}`, `This site may use it, but the browser may not. Allow the browser to use the ${kind} in your system's privacy settings.`);
      }
      if (context.permission === "prompt") {
        return problem("dismissed", true, `The ${kind} is not allowed yet`, "The browser asked and got no answer. Ask again and choose Allow.");
      }
      return problem("denied", true, `The ${kind} is blocked for this site`, `Open the site settings beside the address bar and allow the ${kind}. This page notices the change.`);
    case "NotFoundError":
      return problem("missing", true, `No ${kind} was found`, kind === "camera" ? "Check that it is plugged in and that no cover or switch turns it off." : "Check that it is plugged in and not switched off.");
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return problem("busy", true, `The ${kind} is in use elsewhere`, "Another program or tab holds it, often another video call. Close that and try again.");
    case "OverconstrainedError":
      return problem("unavailable", true, `The chosen ${kind} is not available`, "Choose another one from the list.");
    default:
      return problem("failed", true, `The ${kind} could not be started`, "Unplug it and plug it in again, or restart the browser, and try again.");
  }
}
