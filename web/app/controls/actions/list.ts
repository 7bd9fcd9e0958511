import type { Action } from "../action";
import { camera } from "./camera";
import { chat } from "./chat";
import { help } from "./help";
import { leave } from "./leave";
import { microphone } from "./microphone";
import { people } from "./people";
import { settings } from "./settings";
import { shareScreen } from "./shareScreen";

/** meetingActions are the actions in a meeting, in the order of the control bar. */
export const meetingActions: Action[] = [microphone, camera, shareScreen, chat, people, settings, leave, help];

/** directActions are the actions in a direct call, which has no list of people. */
export const directActions: Action[] = meetingActions.filter((action) => action !== people);
