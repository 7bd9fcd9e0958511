import type { Action } from "./action";

/** The parts of a KeyboardEvent that decide what a key means. */
export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
}

/**
 * actionFor finds the action a key stands for. Single letters are left alone
 * while quiet, that is while somebody types or a dialog is open.
 */
export function actionFor(press: KeyPress, actions: readonly Action[], quiet: boolean): Action | undefined {
  if (press.repeat || press.altKey) return undefined;
  const modified = press.ctrlKey || press.metaKey;
  if (quiet && !modified) return undefined;
  const name = (modified ? "mod+" : "") + press.key.toLowerCase();
  return actions.find((action) => action.keys.includes(name));
}

/** isTyping reports whether keys belong to what has the focus. */
export function isTyping(focused: Element | null): boolean {
  return focused !== null && focused.closest("input, textarea, select, [contenteditable=true]") !== null;
}

/** keyText writes a key the way it stands on this computer's keyboard. */
export function keyText(key: string, apple: boolean): string {
  const [first, second] = key.split("+");
  if (first !== "mod" || second === undefined) return key.toUpperCase();
  return apple ? `⌘${second.toUpperCase()}` : `Ctrl+${second.toUpperCase()}`;
}

/** isApple reports whether the keyboard has a command key. */
export function isApple(): boolean {
  return /Mac|iPhone|iPad/.test(navigator.userAgent);
}
