import { expect, it } from "vitest";
import { deviceOptions } from "./DevicePicker";

const device = (kind: MediaDeviceKind, deviceId: string, label: string) => ({ kind, deviceId, label, groupId: "" }) as MediaDeviceInfo;

it("lists the default first, then the devices of the kind", () => {
  const devices = [
    device("audioinput", "default", "Default - Headset"),
    device("audioinput", "communications", "Communications - Headset"),
    device("audioinput", "a", "Headset"),
    device("audioinput", "b", ""),
    device("videoinput", "c", "Webcam"),
  ];
  expect(deviceOptions(devices, "audioinput")).toEqual([
    { value: "", label: "System default" },
    { value: "a", label: "Headset" },
    { value: "b", label: "Microphone 2" },
  ]);
});

it("lists the default when there are no devices", () => {
  expect(deviceOptions([], "audiooutput")).toEqual([{ value: "", label: "System default" }]);
});
