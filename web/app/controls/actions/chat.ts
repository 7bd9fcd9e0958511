import type { Action } from "../action";

export const chat: Action = {
  id: "chat",
  label: "Chat",
  icon: () => "chat",
  keys: ["c"],
  pressed: (state) => state.panel === "chat",
  badge: ({ unread }) => ({ count: unread, text: unread === 1 ? "1 new message" : `${unread} new messages` }),
  run: (call, state) => call.show({ panel: state.panel === "chat" ? null : "chat" }),
};
