import { savePreferences } from "../lib/storage";
import { setSpeaker } from "../media/Sound";
import type { Call } from "./call";

/** chooseDevice changes a device during the call and remembers it; the empty id is the system's default. */
export async function chooseDevice(call: Call, kind: MediaDeviceKind, deviceId: string): Promise<void> {
  if (kind === "audioinput") savePreferences({ microphoneId: deviceId });
  else if (kind === "videoinput") savePreferences({ cameraId: deviceId });
  else savePreferences({ speakerId: deviceId });
  try {
    await call.room.switchActiveDevice(kind, deviceId === "" ? "default" : deviceId);
    if (kind === "audiooutput") await setSpeaker(deviceId);
  } catch (error) {
    if (kind !== "audiooutput") await call.report(kind === "videoinput" ? "camera" : "microphone", error);
    else call.notices.say("The speaker could not be changed. Sound goes on where it was.");
  }
}
