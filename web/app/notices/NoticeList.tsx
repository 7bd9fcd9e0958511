import { useEffect, useState } from "react";
import { useObservable } from "../lib/useObservable";
import { Icon } from "../ui/Icon";
import type { Notice, Notices } from "./notices";

/** How long a notice is shown, in milliseconds: long enough to read two sentences, and longer with a button. */
const textDuration = 7_000;
const actionDuration = 14_000;

/** NoticeList shows the notices. A notice under the pointer or with the focus is not removed until it loses both. */
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
  const [paused, setPaused] = useState(false);
  const onClose = () => notices.dismiss(notice.id);
  useEffect(() => {
    if (paused) return;
    const timer = setTimeout(() => notices.dismiss(notice.id), notice.action ? actionDuration : textDuration);
    return () => clearTimeout(timer);
  }, [paused, notice, notices]);
  return (
    <div
      className="notice"
      onPointerEnter={() => setPaused(true)}
      onPointerLeave={() => setPaused(false)}
      onFocus={() => setPaused(true)}
      onBlur={() => setPaused(false)}
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
