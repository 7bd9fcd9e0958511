import { InviteLink } from "./InviteLink";

/** InviteCard shows the invitation link to a person who is alone in a meeting. */
export function InviteCard() {
  return (
    <section className="invite-card" aria-label="Invite others">
      <p className="invite-card__title">You are the only one here</p>
      <p>Send this link to the people you want to meet.</p>
      <InviteLink />
    </section>
  );
}
