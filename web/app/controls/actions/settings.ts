import type { Action } from "../action";

export const settings: Action = {
  id: "settings",
  label: "Settings",
  icon: () => "settings",
  keys: [],
  run: (call) => call.show({ dialog: "settings" }),
};
