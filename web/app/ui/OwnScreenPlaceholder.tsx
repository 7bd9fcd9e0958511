import "./tile.css";

/** OwnScreenPlaceholder fills the tile of the screen that this person shares, whose video is not shown to them. */
export function OwnScreenPlaceholder({ onStop }: { onStop: () => void }) {
  return (
    <div className="tile__own-screen">
      <p>You are sharing your screen</p>
      <button type="button" className="button button--small" onClick={onStop}>
        Stop sharing
      </button>
    </div>
  );
}
