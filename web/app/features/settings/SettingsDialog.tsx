import { useState } from "react";
import { DeviceList } from "../../devices/DeviceList";
import { loadPreferences } from "../../lib/storage";
import type { MediaRoute } from "../../peer/mediaRoute";
import { Dialog } from "../../ui/Dialog";
import { RouteInfo } from "./RouteInfo";
import "./settings.css";

/**
 * SettingsDialog lets a person change devices during a call, and shows how media reach the server if readRoute is given.
 * choose must change the device and store the choice.
 */
export function SettingsDialog({ choose, readRoute, onClose }: {
  choose: (kind: MediaDeviceKind, deviceId: string) => void;
  readRoute?: (() => Promise<MediaRoute | undefined>) | undefined;
  onClose: () => void;
}) {
  const [chosen, setChosen] = useState(loadPreferences);
  return (
    <Dialog title="Settings" onClose={onClose}>
      <div className="settings">
        <DeviceList
          chosen={chosen}
          onChoose={(kind, deviceId) => {
            choose(kind, deviceId);
            setChosen(loadPreferences());
          }}
        />
        {readRoute && <RouteInfo read={readRoute} />}
      </div>
    </Dialog>
  );
}
