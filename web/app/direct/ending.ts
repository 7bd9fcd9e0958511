import type { Ending } from "../features/after/ending";
import { directRefusal, late, noWebSocket } from "../lib/api";

export const leftDirectly: Ending = { code: "left", heading: "You left the call", text: "The link works for as long as the other person stays." };

/** Why a direct call did not begin: the server has no room for one more, it did not answer in time, or anything else. */
type Loss = "full" | "late" | "closed";

/** couldNotBegin is the ending of a direct call that the server has introduced to nobody. */
export async function couldNotBegin(loss: Loss): Promise<Ending> {
  return { code: "could-not-join", heading: "The direct call could not begin", text: await whyNot(loss) };
}

async function whyNot(loss: Loss): Promise<string> {
  if (loss === "full") return "The server has as many direct calls as it takes. Try again later.";
  return (await directRefusal()) ?? (loss === "late" ? late : noWebSocket);
}
