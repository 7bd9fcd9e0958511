import type { Action } from "../action";

// No shortcut: nobody should leave by a slip of the finger.
export const leave: Action = {
  id: "leave",
  label: "Leave",
  icon: () => "leave",
  keys: [],
  run: (call) => call.leave(),
};
