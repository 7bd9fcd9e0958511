import type { Action } from "../action";

export const microphone: Action = {
  id: "microphone",
  label: "Microphone",
  icon: (state) => (state.microphone ? "microphone" : "microphoneOff"),
  keys: ["mod+d", "m"],
  pressed: (state) => state.microphone,
  run: (call, state) => call.setDevice("microphone", !state.microphone),
};
