import { useState } from "react";
import { DeviceList } from "../../devices/DeviceList";
import { loadPreferences } from "../../lib/storage";
import { Dialog } from "../../ui/Dialog";
import "./settings.css";

/** SettingsDialog lets a person change devices during a call. choose must change the device and store the choice. */
export function SettingsDialog({ choose, onClose }: {
  choose: (kind: MediaDeviceKind, deviceId: string) => void;
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
      </div>
    </Dialog>
  );
}
