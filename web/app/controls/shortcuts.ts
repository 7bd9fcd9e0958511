import type { Action } from "./action";

/** KeyPress has the fields of a KeyboardEvent that select an action. */
export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
}

/**
 * actionFor returns the action of a key press, or undefined if there is none. chordsOnly ignores keys without Ctrl or Cmd,
 * as while a person types or a dialog is open.
 */
export function actionFor(press: KeyPress, actions: readonly Action[], chordsOnly: boolean): Action | undefined {
  if (press.repeat || press.altKey) return undefined;
  const modified = press.ctrlKey || press.metaKey;
  if (chordsOnly && !modified) return undefined;
  const name = (modified ? "mod+" : "") + press.key.toLowerCase();
  return actions.find((action) => action.keys.includes(name));
}

/** isTyping reports whether the focused element is for typing. */
export function isTyping(focused: Element | null): boolean {
  return focused !== null && focused.closest("input, textarea, select, [contenteditable=true]") !== null;
}

/** keyText returns the text to show for a shortcut: "mod+d" is ⌘D on Apple keyboards and Ctrl+D on others. */
export function keyText(key: string, apple: boolean): string {
  const [first, second] = key.split("+");
  if (first !== "mod" || second === undefined) return key.toUpperCase();
  return apple ? `⌘${second.toUpperCase()}` : `Ctrl+${second.toUpperCase()}`;
}

/** isApple reports whether this is an Apple device, whose keyboard has a Cmd key. */
export function isApple(): boolean {
  return /Mac|iPhone|iPad/.test(navigator.userAgent);
}
