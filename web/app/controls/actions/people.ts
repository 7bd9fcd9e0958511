import type { Action } from "../action";

export const people: Action = {
  id: "people",
  label: "People",
  icon: () => "people",
  keys: ["p"],
  pressed: (state) => state.panel === "people",
  badge: (state) => ({ count: state.people, text: `${state.people} in the call` }),
  run: (call, state) => call.show({ panel: state.panel === "people" ? null : "people" }),
};
