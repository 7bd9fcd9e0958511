import type { Action } from "../../controls/action";
import { isApple, keyText } from "../../controls/shortcuts";
import { Dialog } from "../../ui/Dialog";
import "./help.css";

/** HelpDialog lists the keyboard shortcuts of the actions. */
export function HelpDialog({ actions, onClose }: { actions: readonly Action[]; onClose: () => void }) {
  const apple = isApple();
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {actions
          .filter((action) => action.keys.length > 0)
          .map((action) => (
            <div key={action.id}>
              <dt>{action.label}</dt>
              <dd>
                {action.keys.map((key) => (
                  <kbd key={key}>{keyText(key, apple)}</kbd>
                ))}
              </dd>
            </div>
          ))}
        <div>
          <dt>Close panel or dialog</dt>
          <dd>
            <kbd>Esc</kbd>
          </dd>
        </div>
      </dl>
    </Dialog>
  );
}
