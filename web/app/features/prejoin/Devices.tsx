import { useState } from "react";
import { DevicePicker } from "../../devices/DevicePicker";
import { SpeakerTest } from "../../devices/SpeakerTest";
import { useDevices } from "../../devices/useDevices";
import { loadPreferences, savePreferences } from "../../lib/storage";
import type { LocalMedia, LocalMediaState } from "../../media/localMedia";

/** Devices is the row of lists under the preview. */
export function Devices({ media, state }: { media: LocalMedia; state: LocalMediaState }) {
  const [speakerId, setSpeakerId] = useState(() => loadPreferences().speakerId);
  const devices = useDevices(`${state.microphone.phase} ${state.camera.phase}`);
  return (
    <div className="prejoin__devices">
      <DevicePicker kind="audioinput" devices={devices} value={state.microphone.deviceId} onChange={(id) => void media.choose("microphone", id)} />
      <DevicePicker kind="videoinput" devices={devices} value={state.camera.deviceId} onChange={(id) => void media.choose("camera", id)} />
      <DevicePicker
        kind="audiooutput"
        devices={devices}
        value={speakerId}
        onChange={(id) => {
          savePreferences({ speakerId: id });
          setSpeakerId(id);
        }}
      />
      <SpeakerTest speakerId={speakerId} />
    </div>
  );
}
