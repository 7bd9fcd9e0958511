import "./tile.css";

/** OwnScreen fills the tile of one's own screen, whose picture is not shown. */
export function OwnScreen({ onStop }: { onStop: () => void }) {
  return (
    <div className="tile__own-screen">
      <p>You are sharing your screen</p>
      <button type="button" className="button button--small" onClick={onStop}>
        Stop
      </button>
    </div>
  );
}
