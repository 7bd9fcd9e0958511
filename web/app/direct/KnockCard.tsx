import type { DirectCall } from "./directCall";
import "./direct.css";

/** KnockCard asks a person in a full direct call to admit or deny the person that knocked. */
export function KnockCard({ call }: { call: DirectCall }) {
  return (
    <section className="direct-card direct-card--top" aria-label="Someone wants to join" role="alert">
      <div className="direct-card__text">
        <p className="invite-card__title">Someone else has opened the link</p>
        <p>A direct call is for two people. A meeting is for more, and its audio and video go through this server.</p>
        <div className="direct-card__actions">
          <button type="button" className="button button--primary" onClick={() => call.admit()}>
            Move to a meeting
          </button>
          <button type="button" className="button button--outline" onClick={() => call.deny()}>
            Not now
          </button>
        </div>
      </div>
    </section>
  );
}
