import { useEffect, useRef } from "react";
import { sitePath } from "../../lib/base";
import { usePageTitle } from "../../lib/usePageTitle";
import { Brand } from "../../ui/Brand";
import type { Ending } from "./ending";
import "./after.css";

/** After says why the call is over and leads on. */
export function After({ roomName, ending, onRejoin }: { roomName: string; ending: Ending; onRejoin: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  usePageTitle(`${ending.heading} · Meet`);
  // Screen readers start where the news is.
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className="page">
      <header className="page__bar">
        <Brand href={sitePath("/")} />
      </header>
      <div className="page__main after" data-ending={ending.code}>
        <p className="after__room">{roomName}</p>
        <h1 ref={heading} tabIndex={-1}>
          {ending.heading}
        </h1>
        <p className="after__text">{ending.text}</p>
        <div className="after__ways">
          <button type="button" className="button button--primary" onClick={onRejoin}>
            {ending.code === "could-not-join" ? "Try again" : "Rejoin"}
          </button>
          <button type="button" className="button button--outline" onClick={() => location.assign(sitePath("/"))}>
            Back to lobby
          </button>
        </div>
      </div>
    </div>
  );
}
