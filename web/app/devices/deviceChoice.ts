import { type Preferences, savePreferences } from "../lib/storage";
import type { DeviceKind } from "../media/mediaProblem";

/** ChosenDevices are the ids of the devices that a person chose. An empty id means the system's default. */
export type ChosenDevices = Pick<Preferences, "microphoneId" | "cameraId" | "speakerId">;

/** deviceKindOf converts a browser's kind of device to a DeviceKind, or to undefined for a speaker. */
export function deviceKindOf(kind: MediaDeviceKind): DeviceKind | undefined {
  if (kind === "audiooutput") return undefined;
  return kind === "audioinput" ? "microphone" : "camera";
}

/** storeDevice stores the chosen device for later calls. */
export function storeDevice(kind: MediaDeviceKind, deviceId: string): void {
  const device = deviceKindOf(kind);
  if (device === "microphone") savePreferences({ microphoneId: deviceId });
  else if (device === "camera") savePreferences({ cameraId: deviceId });
  else savePreferences({ speakerId: deviceId });
}
