import type { DeviceKind } from "../media/mediaProblem";
import type { IconName } from "../ui/Icon";

/** How far a call is. */
export type CallStatus = "joining" | "live" | "reconnecting";

/** What is open over or beside the stage. */
export interface CallView {
  panel: "chat" | "people" | null;
  dialog: "settings" | "help" | null;
}

/** What the actions do to a call, whichever way its media go. */
export interface Controls {
  setDevice(kind: DeviceKind, on: boolean): Promise<void>;
  setSharing(on: boolean): Promise<void>;
  show(change: Partial<CallView>): void;
  leave(): void;
}

/** What the controls need to know of the call to draw themselves. */
export interface CallState extends CallView {
  microphone: boolean;
  camera: boolean;
  sharing: boolean;
  canShare: boolean;
  people: number;
  unread: number;
}

/**
 * Action is one thing a person can do in the call. The bar, the keyboard and
 * the list of shortcuts all read the same table of them.
 */
export interface Action {
  id: string;
  /** The name of the control; it never changes with the state. */
  label: string;
  icon(state: CallState): IconName;
  /** Keys as shortcuts.ts reads them, the one to show first. */
  keys: string[];
  /** Whether it is on; an action without it is a button, not a toggle. */
  pressed?(state: CallState): boolean;
  /** Its button is not in the bar. */
  elsewhere?: true;
  available?(state: CallState): boolean;
  badge?(state: CallState): { count: number; text: string };
  run(call: Controls, state: CallState): Promise<void> | void;
}
