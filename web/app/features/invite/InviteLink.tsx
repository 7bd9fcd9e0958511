import { Icon } from "../../ui/Icon";
import { useCopy } from "../../lib/useCopy";
import { meetingLink } from "./meetingLink";
import "./invite.css";

/** InviteLink shows the link of the meeting or direct call, with a button that copies it. */
export function InviteLink() {
  const link = meetingLink();
  const { copied, copy } = useCopy(link);
  return (
    <div className="invite-link">
      <code className="invite-link__text">{link.replace(/^https?:\/\//, "")}</code>
      <button type="button" className="button button--small button--primary" onClick={copy}>
        <Icon name={copied ? "check" : "copy"} />
        <span aria-live="polite">{copied ? "Copied" : "Copy link"}</span>
      </button>
    </div>
  );
}
