import { useState } from "react";
import { deviceKindOf, storeDevice } from "../../devices/deviceChoice";
import { DeviceList } from "../../devices/DeviceList";
import { sitePath } from "../../lib/base";
import { loadPreferences } from "../../lib/storage";
import { useObservable } from "../../lib/useObservable";
import type { LocalMedia, LocalMediaState } from "../../media/localMedia";
import { Brand } from "../../ui/Brand";
import { Preview } from "./Preview";
import "./prejoin.css";

/** PreJoinPage shows the camera preview and the device pickers before a call, with its children beside them. */
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

/** Devices is the row of device pickers under the preview. */
function Devices({ media, state: { microphone, camera } }: { media: LocalMedia; state: LocalMediaState }) {
  const [speakerId, setSpeakerId] = useState(() => loadPreferences().speakerId);
  return (
    <div className="prejoin__devices">
      <DeviceList
        chosen={{ microphoneId: microphone.deviceId, cameraId: camera.deviceId, speakerId }}
        refreshKey={`${microphone.phase} ${camera.phase}`}
        onChoose={(kind, deviceId) => {
          const device = deviceKindOf(kind);
          if (device) {
            void media.chooseDevice(device, deviceId);
            return;
          }
          storeDevice(kind, deviceId);
          setSpeakerId(deviceId);
        }}
      />
    </div>
  );
}
