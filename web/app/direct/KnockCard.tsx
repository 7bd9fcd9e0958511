import type { DirectCall } from "./directCall";
import "./direct.css";

/** KnockCard asks one of the two what becomes of a third who has come. */
export function KnockCard({ call }: { call: DirectCall }) {
  return (
    <section className="direct-card direct-card--top" aria-label="Somebody wants to join" role="alert">
      <div className="direct-card__text">
        <p className="invite-card__title">Somebody else has opened the link</p>
        <p>A direct call has room for two. In a meeting there is room for more, and sound and picture go through this server.</p>
        <div className="direct-card__ways">
          <button type="button" className="button button--primary" onClick={() => call.admit()}>
            Move to a meeting
          </button>
          <button type="button" className="button button--outline" onClick={() => call.refuse()}>
            Not now
          </button>
        </div>
      </div>
    </section>
  );
}
