import { QRCodeSVG } from "qrcode.react";
import { InviteLink } from "../features/invite/InviteLink";
import { sessionLink, sessionText } from "./session";
import "../features/invite/invite.css";
import "./direct.css";

/** DirectInviteCard shows how to invite the other person: a link, a QR code, and the session id to read out. */
export function DirectInviteCard({ session }: { session: string }) {
  return (
    <section className="direct-card" aria-label="Invite the other person">
      <div className="direct-card__text">
        <p className="invite-card__title">Invite one other person</p>
        <p>Send this link, or let them scan the code.</p>
        <InviteLink />
        <p className="direct-card__id">
          Or read the session out: <code>{sessionText(session)}</code>
        </p>
      </div>
      <QRCodeSVG className="direct-card__code" value={sessionLink(session)} title="The link as a QR code" marginSize={2} size={132} />
    </section>
  );
}
