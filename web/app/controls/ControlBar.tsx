import { Toolbar } from "react-aria-components";
import { Control, Toggle } from "../ui/Control";
import type { Action, CallState, Controls } from "./action";
import { isApple, keyText } from "./shortcuts";

/** ControlBar shows the available actions as buttons. */
export function ControlBar({ call, state, actions }: { call: Controls; state: CallState; actions: readonly Action[] }) {
  const apple = isApple();
  return (
    <Toolbar className="controls" aria-label="Call controls">
      {actions
        .filter((action) => action.hiddenInBar !== true && (action.available?.(state) ?? true))
        .map((action) => {
          const [key] = action.keys;
          const shared = {
            label: action.label,
            icon: action.icon(state),
            badge: action.badge?.(state),
            shortcut: key === undefined ? undefined : keyText(key, apple),
            onPress: () => void action.run(call, state),
          };
          if (!action.pressed) {
            return <Control key={action.id} {...shared} tone={action.id === "leave" ? "danger" : "default"} />;
          }
          const device = action.id === "microphone" || action.id === "camera";
          return <Toggle key={action.id} {...shared} pressed={action.pressed(state)} device={device} />;
        })}
    </Toolbar>
  );
}
