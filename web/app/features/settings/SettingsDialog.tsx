import { useState } from "react";
import { DeviceList } from "../../devices/DeviceList";
import { loadPreferences } from "../../lib/storage";
import type { ServerPath } from "../../peer/serverPath";
import { Dialog } from "../../ui/Dialog";
import { PathInfo } from "./PathInfo";
import "./settings.css";

/**
 * SettingsDialog lets a person change devices during a call, and shows how media reach the server if readPath is given.
 * choose must change the device and store the choice.
 */
export function SettingsDialog({ choose, readPath, onClose }: {
  choose: (kind: MediaDeviceKind, deviceId: string) => void;
  readPath?: (() => Promise<ServerPath | undefined>) | undefined;
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
        {readPath && <PathInfo read={readPath} />}
      </div>
    </Dialog>
  );
}
