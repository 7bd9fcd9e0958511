import type { Action } from "../action";
import { camera } from "./camera";
import { chat } from "./chat";
import { help } from "./help";
import { leave } from "./leave";
import { microphone } from "./microphone";
import { people } from "./people";
import { settings } from "./settings";
import { shareScreen } from "./shareScreen";

/** What one can do in a meeting, in the order of the bar. */
export const meetingActions: Action[] = [microphone, camera, shareScreen, chat, people, settings, leave, help];

/** What one can do in a call of two, where nobody needs a list of people. */
export const directActions: Action[] = meetingActions.filter((action) => action !== people);
