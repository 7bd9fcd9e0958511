import "./tile.css";

/** OwnScreen stands in a tile in place of one's own screen, which needs no looking at. */
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
