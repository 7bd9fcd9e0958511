import { useState } from "react";
import { DevicePicker } from "../../devices/DevicePicker";
import { SpeakerTest } from "../../devices/SpeakerTest";
import { useDevices } from "../../devices/useDevices";
import { loadPreferences } from "../../lib/storage";
import { Dialog } from "../../ui/Dialog";
import "./settings.css";

/** SettingsDialog changes the devices during a call, which choose does. */
export function SettingsDialog({ choose: chooseDevice, onClose }: {
  choose: (kind: MediaDeviceKind, deviceId: string) => void;
  onClose: () => void;
}) {
  const devices = useDevices(chooseDevice);
  const [chosen, setChosen] = useState(loadPreferences);
  const choose = (kind: MediaDeviceKind) => (deviceId: string) => {
    chooseDevice(kind, deviceId);
    setChosen(loadPreferences());
  };
  return (
    <Dialog title="Settings" onClose={onClose}>
      <div className="settings">
        <DevicePicker kind="audioinput" devices={devices} value={chosen.microphoneId} onChange={choose("audioinput")} />
        <DevicePicker kind="videoinput" devices={devices} value={chosen.cameraId} onChange={choose("videoinput")} />
        <DevicePicker kind="audiooutput" devices={devices} value={chosen.speakerId} onChange={choose("audiooutput")} />
        <SpeakerTest speakerId={chosen.speakerId} />
      </div>
    </Dialog>
  );
}
