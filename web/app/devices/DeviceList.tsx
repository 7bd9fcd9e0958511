import type { ChosenDevices } from "./deviceChoice";
import { DevicePicker } from "./DevicePicker";
import { SpeakerTest } from "./SpeakerTest";
import { useDevices } from "./useDevices";

/**
 * DeviceList shows a picker for each kind of device, and a button for a test sound. It reads the devices again when
 * refreshKey changes.
 */
export function DeviceList({ chosen, refreshKey, onChoose }: {
  chosen: ChosenDevices;
  refreshKey?: string;
  onChoose: (kind: MediaDeviceKind, deviceId: string) => void;
}) {
  const devices = useDevices(refreshKey);
  const picker = (kind: MediaDeviceKind, value: string) => (
    <DevicePicker kind={kind} devices={devices} value={value} onChange={(deviceId) => onChoose(kind, deviceId)} />
  );
  return (
    <>
      {picker("audioinput", chosen.microphoneId)}
      {picker("videoinput", chosen.cameraId)}
      {picker("audiooutput", chosen.speakerId)}
      <SpeakerTest speakerId={chosen.speakerId} />
    </>
  );
}
