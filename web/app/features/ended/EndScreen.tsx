import { useEffect, useRef } from "react";
import { sitePath } from "../../lib/base";
import { usePageTitle } from "../../lib/usePageTitle";
import { Brand } from "../../ui/Brand";
import type { Ending } from "./ending";
import "./endscreen.css";

/** The endings that the network may have caused. */
const networkEndings = new Set(["could-not-join", "lost", "timeout"]);

/** EndScreen shows why a call ended, with buttons to rejoin and to go back to the lobby. */
export function EndScreen({ roomName, ending, onRejoin }: { roomName: string; ending: Ending; onRejoin: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  usePageTitle(`${ending.heading} · Meet`);
  // The focus makes screen readers read the heading first.
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className="page">
      <header className="page__bar">
        <Brand href={sitePath("/")} />
      </header>
      <div className="page__main end-screen" data-ending={ending.code}>
        <p className="end-screen__room">{roomName}</p>
        <h1 ref={heading} tabIndex={-1}>
          {ending.heading}
        </h1>
        <p className="end-screen__text">{ending.text}</p>
        <div className="end-screen__actions">
          <button type="button" className="button button--primary" onClick={onRejoin}>
            {ending.code === "could-not-join" ? "Try again" : "Rejoin"}
          </button>
          <button type="button" className="button button--outline" onClick={() => location.assign(sitePath("/"))}>
            Back to lobby
          </button>
        </div>
        {networkEndings.has(ending.code) && (
          <a className="end-screen__test" href={sitePath("/test")}>
            Test your connection
          </a>
        )}
      </div>
    </div>
  );
}
