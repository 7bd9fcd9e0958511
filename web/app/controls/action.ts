import type { DeviceKind } from "../media/mediaProblem";
import type { IconName } from "../ui/Icon";

/** CallStatus is the state of the connection of a call in a meeting. */
export type CallStatus = "joining" | "connected" | "reconnecting";

/** CallView says which panel is open beside the stage and which dialog over it. */
export interface CallView {
  panel: "chat" | "people" | null;
  dialog: "settings" | "help" | null;
}

/** Controls are the operations of a call that actions use. Calls in meetings and direct calls implement them. */
export interface Controls {
  setDevice(kind: DeviceKind, on: boolean): Promise<void>;
  setSharing(on: boolean): Promise<void>;
  show(change: Partial<CallView>): void;
  leave(): void;
}

/** CallState is the state of a call that the controls show. */
export interface CallState extends CallView {
  microphone: boolean;
  camera: boolean;
  sharing: boolean;
  canShare: boolean;
  people: number;
  unread: number;
}

/**
 * Action is something a person can do in a call. The control bar, the shortcuts and the help dialog use the same list of
 * actions.
 */
export interface Action {
  id: string;
  /** The name of the control, which is the same in every state. */
  label: string;
  icon(state: CallState): IconName;
  /** The shortcuts: a key such as "m", or "mod+m" with Ctrl or Cmd. The first one is shown in the tooltip. */
  keys: string[];
  /** Reports whether the action is on. An action without this function is a button instead of a toggle. */
  pressed?(state: CallState): boolean;
  /** Set if the action has no button in the control bar. */
  hiddenInBar?: true;
  /** Reports whether the action can be used. An action without this function is always available. */
  available?(state: CallState): boolean;
  /** Returns the number to show on the button, and a text for screen readers. */
  badge?(state: CallState): { count: number; text: string };
  run(call: Controls, state: CallState): Promise<void> | void;
}
