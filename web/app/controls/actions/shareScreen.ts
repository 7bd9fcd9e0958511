import type { Action } from "../action";

export const shareScreen: Action = {
  id: "share-screen",
  label: "Share screen",
  icon: () => "screen",
  keys: ["d"],
  pressed: (state) => state.sharing,
  available: (state) => state.canShare,
  run: (call, state) => call.setSharing(!state.sharing),
};
