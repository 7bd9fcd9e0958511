import { type Preferences, savePreferences } from "../lib/storage";
import type { DeviceKind } from "../media/mediaProblem";

/** ChosenDevices are the ids of the devices that a person chose; the empty id is the system's default. */
export type ChosenDevices = Pick<Preferences, "microphoneId" | "cameraId" | "speakerId">;

/** deviceOf maps the browser's kind of a device to ours; a loudspeaker gives undefined. */
export function deviceOf(kind: MediaDeviceKind): DeviceKind | undefined {
  if (kind === "audiooutput") return undefined;
  return kind === "audioinput" ? "microphone" : "camera";
}

/** rememberDevice keeps a choice for later calls. */
export function rememberDevice(kind: MediaDeviceKind, deviceId: string): void {
  const device = deviceOf(kind);
  if (device === "microphone") savePreferences({ microphoneId: deviceId });
  else if (device === "camera") savePreferences({ cameraId: deviceId });
  else savePreferences({ speakerId: deviceId });
}
