import type { Action } from "../action";

export const camera: Action = {
  id: "camera",
  label: "Camera",
  icon: (state) => (state.camera ? "camera" : "cameraOff"),
  keys: ["mod+e", "v"],
  pressed: (state) => state.camera,
  run: (call, state) => call.setDevice("camera", !state.camera),
};
