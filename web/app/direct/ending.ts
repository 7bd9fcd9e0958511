import type { Ending } from "../features/ended/ending";
import { fetchDirectRefusal, serverTimeout, webSocketBlocked } from "../lib/api";

export const leftDirectCall: Ending = { code: "left", heading: "You left the call", text: "You can rejoin with the same link while the other person is in the call." };

/**
 * Why a direct call did not start. full: the server has reached its limit of direct calls. late: the server did not answer
 * in time. closed: the connection failed or was closed.
 */
type StartFailure = "full" | "late" | "closed";

/** couldNotStart returns the ending of a direct call that failed before the server assigned a session. */
export async function couldNotStart(failure: StartFailure): Promise<Ending> {
  return { code: "could-not-join", heading: "The direct call could not start", text: await startFailureText(failure) };
}

async function startFailureText(failure: StartFailure): Promise<string> {
  if (failure === "full") return "The server has reached its limit of direct calls. Try again later.";
  return (await fetchDirectRefusal()) ?? (failure === "late" ? serverTimeout : webSocketBlocked);
}
