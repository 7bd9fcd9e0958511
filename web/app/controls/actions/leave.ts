import type { Action } from "../action";

// No shortcut, so that nobody leaves by accident.
export const leave: Action = {
  id: "leave",
  label: "Leave",
  icon: () => "leave",
  keys: [],
  run: (call) => call.leave(),
};
