import type { ChosenDevices } from "./chosen";
import { DevicePicker } from "./DevicePicker";
import { SpeakerTest } from "./SpeakerTest";
import { useDevices } from "./useDevices";

/** DeviceList offers the devices of every kind and a test sound. It lists the devices again when moment changes. */
export function DeviceList({ chosen, moment, onChoose }: {
  chosen: ChosenDevices;
  moment?: string;
  onChoose: (kind: MediaDeviceKind, deviceId: string) => void;
}) {
  const devices = useDevices(moment);
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
