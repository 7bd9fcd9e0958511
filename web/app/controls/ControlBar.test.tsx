import { expect, it, vi } from "vitest";
import { click, render, getByName } from "../ui/testing";
import type { CallState, Controls } from "./action";
import { directActions, meetingActions } from "./actions/list";
import { ControlBar } from "./ControlBar";

const state: CallState = {
  panel: null,
  dialog: null,
  microphone: true,
  camera: false,
  sharing: false,
  canShare: true,
  people: 2,
  unread: 0,
};

const bar = (change: Partial<CallState> = {}, call: Partial<Controls> = {}) =>
  render(<ControlBar call={call as Controls} state={{ ...state, ...change }} actions={meetingActions} />);

it("is a toolbar whose toggles expose their state", () => {
  const page = bar();
  expect(page.querySelector("[role=toolbar]")?.getAttribute("aria-label")).toBe("Call controls");
  const pressed = (name: string) => getByName(page, "button", name).getAttribute("aria-pressed");
  expect(["Microphone", "Camera", "Share screen", "Chat", "People"].map(pressed)).toEqual(["true", "false", "false", "false", "false"]);
  expect(["Settings", "Leave"].map(pressed)).toEqual([null, null]);
});

it("has the same button names in every state", () => {
  const names = (root: HTMLElement) => [...root.querySelectorAll("button")].map((button) => button.getAttribute("aria-label"));
  expect(names(bar())).toEqual(names(bar({ microphone: false, camera: true, sharing: true, panel: "chat", unread: 3 })));
});

it("has no People button in a direct call", () => {
  const page = render(<ControlBar call={{} as Controls} state={state} actions={directActions} />);
  expect(() => getByName(page, "button", "People")).toThrow();
  getByName(page, "button", "Chat");
});

it("has no Share screen button where the browser cannot share", () => {
  expect(() => getByName(bar({ canShare: false }), "button", "Share screen")).toThrow();
});

it("calls the operation of each button", () => {
  const call = { setDevice: vi.fn(), setSharing: vi.fn(), show: vi.fn(), leave: vi.fn() };
  const page = bar({ panel: "people" }, call);
  for (const name of ["Microphone", "Camera", "Share screen", "Chat", "People", "Settings", "Leave"]) click(getByName(page, "button", name));
  expect(call.setDevice.mock.calls).toEqual([["microphone", false], ["camera", true]]);
  expect(call.setSharing.mock.calls).toEqual([[true]]);
  expect(call.show.mock.calls).toEqual([[{ panel: "chat" }], [{ panel: null }], [{ dialog: "settings" }]]);
  expect(call.leave).toHaveBeenCalledOnce();
});
