import type { Action } from "./action";
import { camera } from "./camera";
import { chat } from "./chat";
import { help } from "./help";
import { leave } from "./leave";
import { microphone } from "./microphone";
import { people } from "./people";
import { settings } from "./settings";
import { shareScreen } from "./shareScreen";

/** The actions of the bar, in their order. */
export const barActions: Action[] = [microphone, camera, shareScreen, chat, people, settings, leave];

/** Every action there is. */
export const allActions: Action[] = [...barActions, help];
