import { useState } from "react";
import { Icon } from "../ui/Icon";
import { playTestSound } from "./testSound";

/** SpeakerTest is a button that plays a test sound through the chosen speaker. */
export function SpeakerTest({ speakerId }: { speakerId: string }) {
  const [playing, setPlaying] = useState(false);
  const play = () => {
    setPlaying(true);
    void playTestSound(speakerId).finally(() => setPlaying(false));
  };
  return (
    <button type="button" className="button button--small" disabled={playing} onClick={play}>
      <Icon name="speaker" />
      {playing ? "Playing…" : "Play a test sound"}
    </button>
  );
}
