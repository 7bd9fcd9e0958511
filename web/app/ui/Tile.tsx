import { personColour } from "../lib/person";
import type { Cell } from "./arrange";
import { Avatar } from "./Avatar";
import { Icon } from "./Icon";

/** Interruption is why a picture that is sent is not shown; empty when it is. */
export type Interruption = "" | "paused" | "unsupported";

const interruptions = {
  paused: "Video paused, your connection is slow",
  unsupported: "Your browser cannot show this video",
};

export interface TileProps {
  name: string;
  me: boolean;
  source: "camera" | "screen";
  muted: boolean;
  speaking: boolean;
  quality: "excellent" | "good" | "poor" | "lost" | "unknown";
  /** idle: no video; waiting: its first frame is on the way; live: it plays. */
  state: "idle" | "waiting" | "live";
  interruption: Interruption;
  /** The picture is higher than it is wide. */
  upright: boolean;
  cell: Cell;
  /** The video, or what stands in for it. */
  children?: React.ReactNode;
}

/** Tile draws one person or one shared screen. Its data attributes are what styles and tests read. */
export function Tile(props: TileProps) {
  const { cell, name, source } = props;
  const small = cell.width < 190;
  // A portrait picture in a landscape tile would lose its face to the crop.
  const whole = source === "screen" || (props.upright && cell.width > cell.height);
  return (
    <figure
      className="tile"
      style={{ left: cell.x, top: cell.y, width: cell.width, height: cell.height }}
      data-participant={name}
      data-me={props.me}
      data-source={source}
      data-muted={props.muted}
      data-speaking={props.speaking}
      data-quality={props.quality}
      data-state={props.state}
      data-interruption={props.interruption || undefined}
      data-fit={whole ? "whole" : "fill"}
      data-small={small || undefined}
      data-person={personColour(name)}
    >
      {props.children}
      {(props.state !== "live" || props.interruption !== "") && source === "camera" && <Avatar name={name} />}
      <figcaption className="tile__label">
        {source === "screen" ? <Icon name="screen" /> : <MuteMark muted={props.muted} />}
        <span className="tile__name">
          {name}
          {source === "screen" && "’s screen"}
        </span>
        {props.me && source === "camera" && <span className="tile__me">you</span>}
      </figcaption>
      <TroubleMark quality={props.quality} interruption={props.interruption} />
    </figure>
  );
}

function MuteMark({ muted }: { muted: boolean }) {
  if (!muted) return null;
  return (
    <span className="tile__muted">
      <Icon name="microphoneOff" />
      <span className="visually-hidden">Muted, </span>
    </span>
  );
}

/** What is said of a tile's trouble: the missing picture before the weak connection that may be its cause. */
function TroubleMark({ quality, interruption }: Pick<TileProps, "quality" | "interruption">) {
  const text =
    interruption !== "" ? interruptions[interruption] : quality === "poor" ? "Weak connection" : quality === "lost" ? "Connection lost" : "";
  if (text === "") return null;
  return (
    <span className="tile__trouble" title={text}>
      <Icon name={interruption === "" ? "signal" : "cameraOff"} />
      <span>{text}</span>
    </span>
  );
}
