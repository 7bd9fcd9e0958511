import type { Action } from "../action";

export const help: Action = {
  id: "help",
  label: "Keyboard shortcuts",
  icon: () => "help",
  hiddenInBar: true,
  keys: ["?"],
  run: (call) => call.show({ dialog: "help" }),
};
