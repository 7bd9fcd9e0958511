import { useEffect, useRef } from "react";
import type { Action, CallState, Controls } from "./action";
import { actionFor, isTyping } from "./shortcuts";

/** useKeyboard runs actions by their shortcuts, and closes the panel with Escape. Dialogs handle Escape themselves. */
export function useKeyboard(call: Controls, state: CallState, actions: readonly Action[]): void {
  const latest = useRef(state);
  useEffect(() => {
    latest.current = state;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const current = latest.current;
      if (event.key === "Escape" && current.dialog === null && current.panel !== null) {
        call.show({ panel: null });
        return;
      }
      const action = actionFor(event, actions, isTyping(document.activeElement) || current.dialog !== null);
      if (!action || !(action.available?.(current) ?? true)) return;
      event.preventDefault();
      void action.run(call, current);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [call, actions]);
}
