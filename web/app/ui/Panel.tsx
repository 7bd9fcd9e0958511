import { useEffect, useId, useRef } from "react";
import { Icon } from "./Icon";

/**
 * Panel is a column beside the stage, or a sheet over it on a phone. Opening
 * it moves the focus into it, to the element marked data-autofocus; closing
 * gives the focus back.
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
      const mine = active === document.body || active === null || inside?.contains(active) === true;
      if (mine && opener instanceof HTMLElement) opener.focus();
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
