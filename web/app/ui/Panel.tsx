import { useEffect, useId, useRef } from "react";
import { Icon } from "./Icon";

/**
 * Panel is a column beside the stage, or a sheet over it on a phone. When it opens, the focus moves to its element with the
 * attribute data-autofocus, or else to its first button. When it closes, the focus returns to where it was.
 */
export function Panel(props: { title: string; onClose: () => void; children: React.ReactNode }) {
  const heading = useId();
  const panel = useRef<HTMLElement>(null);

  useEffect(() => {
    const opener = document.activeElement;
    const inside = panel.current;
    const target = inside?.querySelector<HTMLElement>("[data-autofocus]") ?? inside?.querySelector("button");
    target?.focus({ preventScroll: true });
    return () => {
      const active = document.activeElement;
      const hadFocus = active === document.body || active === null || inside?.contains(active) === true;
      if (hadFocus && opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  return (
    <aside className="panel" ref={panel} aria-labelledby={heading}>
      <header className="panel__head">
        <h2 id={heading}>{props.title}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </header>
      {props.children}
    </aside>
  );
}
