import { useEffect, useState } from "react";
import { useObservable } from "../lib/useObservable";
import { Icon } from "../ui/Icon";
import type { Notice, Notices } from "./notices";

/** Long enough to read two sentences; one with a button waits longer for a decision. */
const readingTime = 7_000;
const decidingTime = 14_000;

export function NoticeList({ notices }: { notices: Notices }) {
  const items = useObservable(notices.items);
  return (
    <div className="notices" role="status">
      {items.map((notice) => (
        <NoticeItem key={notice.id} notice={notice} notices={notices} />
      ))}
    </div>
  );
}

function NoticeItem({ notice, notices }: { notice: Notice; notices: Notices }) {
  const [held, setHeld] = useState(false);
  const onClose = () => notices.dismiss(notice.id);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => notices.dismiss(notice.id), notice.action ? decidingTime : readingTime);
    return () => clearTimeout(timer);
  }, [held, notice, notices]);
  return (
    <div
      className="notice"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <p>{notice.text}</p>
      {notice.action && (
        <button
          type="button"
          className="button button--small"
          onClick={() => {
            notice.action?.run();
            onClose();
          }}
        >
          {notice.action.label}
        </button>
      )}
      <button type="button" className="icon-button" aria-label="Dismiss" onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}
