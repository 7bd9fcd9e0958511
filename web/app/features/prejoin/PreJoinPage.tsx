import { useState } from "react";
import { deviceOf, rememberDevice } from "../../devices/chosen";
import { DeviceList } from "../../devices/DeviceList";
import { sitePath } from "../../lib/base";
import { loadPreferences } from "../../lib/storage";
import { useObservable } from "../../lib/useObservable";
import type { LocalMedia, LocalMediaState } from "../../media/localMedia";
import { Brand } from "../../ui/Brand";
import { Preview } from "./Preview";
import "./prejoin.css";

/** PreJoinPage is the page before a call: the preview and the devices, with the children beside them. */
export function PreJoinPage({ media, name, children }: { media: LocalMedia; name: string; children: React.ReactNode }) {
  const state = useObservable(media.state);
  return (
    <div className="page prejoin">
      <header className="page__bar">
        <Brand href={sitePath("/")} />
      </header>
      <div className="page__main prejoin__main">
        <Preview media={media} state={state} name={name} />
        <div className="prejoin__side">{children}</div>
        <Devices media={media} state={state} />
      </div>
    </div>
  );
}

/** Devices is the row of lists under the preview. */
function Devices({ media, state: { microphone, camera } }: { media: LocalMedia; state: LocalMediaState }) {
  const [speakerId, setSpeakerId] = useState(() => loadPreferences().speakerId);
  return (
    <div className="prejoin__devices">
      <DeviceList
        chosen={{ microphoneId: microphone.deviceId, cameraId: camera.deviceId, speakerId }}
        moment={`${microphone.phase} ${camera.phase}`}
        onChoose={(kind, deviceId) => {
          const device = deviceOf(kind);
          if (device) {
            void media.choose(device, deviceId);
            return;
          }
          rememberDevice(kind, deviceId);
          setSpeakerId(deviceId);
        }}
      />
    </div>
  );
}
