import { Icon } from "../../ui/Icon";
import { useCopy } from "../../lib/useCopy";
import { meetingLink } from "./meetingLink";
import "./invite.css";

/** InviteButton shows the name of the meeting and copies its link when clicked. */
export function InviteButton({ roomName }: { roomName: string }) {
  const { copied, copy } = useCopy(meetingLink());
  return (
    <button type="button" className="invite-button" onClick={copy} title="Copy the meeting's link">
      <span className="invite-button__room">{roomName}</span>
      <Icon name={copied ? "check" : "copy"} />
      <span className="invite-button__done" aria-live="polite">
        {copied && "Link copied"}
      </span>
    </button>
  );
}
