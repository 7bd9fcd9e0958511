import { personColour } from "../lib/avatar";
import type { Rect } from "./tileLayout";
import { Avatar } from "./Avatar";
import { Icon } from "./Icon";

/**
 * VideoProblem says why published video is not shown: the server has paused it, or this browser cannot decode it. "" means
 * no problem.
 */
export type VideoProblem = "" | "paused" | "unsupported";

const problemTexts = {
  paused: "Video paused: your connection is slow",
  unsupported: "Your browser cannot show this video",
};

export interface TileProps {
  name: string;
  me: boolean;
  source: "camera" | "screen";
  muted: boolean;
  speaking: boolean;
  quality: "excellent" | "good" | "poor" | "lost" | "unknown";
  /** idle: no video. waiting: the first frame has not arrived. playing: the video plays. */
  state: "idle" | "waiting" | "playing";
  videoProblem: VideoProblem;
  /** The video is higher than it is wide. */
  portrait: boolean;
  rect: Rect;
  /** The video, or a placeholder for it. */
  children?: React.ReactNode;
}

/** Tile shows one person or one shared screen. Styles and tests use its data attributes. */
export function Tile(props: TileProps) {
  const { rect, name, source } = props;
  const small = rect.width < 190;
  // Cropping portrait video to a landscape tile would cut off the face.
  const contain = source === "screen" || (props.portrait && rect.width > rect.height);
  return (
    <figure
      className="tile"
      style={{ left: rect.x, top: rect.y, width: rect.width, height: rect.height }}
      data-participant={name}
      data-me={props.me}
      data-source={source}
      data-muted={props.muted}
      data-speaking={props.speaking}
      data-quality={props.quality}
      data-state={props.state}
      data-video-problem={props.videoProblem || undefined}
      data-fit={contain ? "contain" : "cover"}
      data-small={small || undefined}
      data-person={personColour(name)}
    >
      {props.children}
      {(props.state !== "playing" || props.videoProblem !== "") && source === "camera" && <Avatar name={name} />}
      <figcaption className="tile__label">
        {source === "screen" ? <Icon name="screen" /> : <MutedIcon muted={props.muted} />}
        <span className="tile__name">
          {name}
          {source === "screen" && "’s screen"}
        </span>
        {props.me && source === "camera" && <span className="tile__me">you</span>}
      </figcaption>
      <TileWarning quality={props.quality} videoProblem={props.videoProblem} />
    </figure>
  );
}

function MutedIcon({ muted }: { muted: boolean }) {
  if (!muted) return null;
  return (
    <span className="tile__muted">
      <Icon name="microphoneOff" />
      <span className="visually-hidden">Muted, </span>
    </span>
  );
}

/** Shows the video problem, or else a weak connection, which may be its cause. */
function TileWarning({ quality, videoProblem }: Pick<TileProps, "quality" | "videoProblem">) {
  const text =
    videoProblem !== "" ? problemTexts[videoProblem] : quality === "poor" ? "Weak connection" : quality === "lost" ? "Connection lost" : "";
  if (text === "") return null;
  return (
    <span className="tile__warning" title={text}>
      <Icon name={videoProblem === "" ? "signal" : "cameraOff"} />
      <span>{text}</span>
    </span>
  );
}
