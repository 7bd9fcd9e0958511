import { supportsSpeakerChoice } from "../media/speaker";
import { Select, type SelectOption } from "../ui/Select";

const labels = {
  audioinput: "Microphone device",
  videoinput: "Camera device",
  audiooutput: "Speaker device",
} as const;

/** DevicePicker is a select element with the devices of one kind. The first option is the system's default. */
export function DevicePicker({ kind, devices, value, onChange }: {
  kind: MediaDeviceKind;
  devices: MediaDeviceInfo[];
  value: string;
  onChange: (deviceId: string) => void;
}) {
  const fixed = kind === "audiooutput" && !supportsSpeakerChoice();
  const options = fixed ? [{ value: "", label: "System default" }] : deviceOptions(devices, kind);
  // If the stored device is not connected, the default is selected.
  const connected = options.some((option) => option.value === value);
  return (
    <Select label={labels[kind]} value={connected ? value : ""} options={options} disabled={fixed} onChange={onChange} />
  );
}

/**
 * deviceOptions returns the options for the devices of a kind. One option replaces the browser's entries for its default
 * devices.
 */
export function deviceOptions(devices: readonly MediaDeviceInfo[], kind: MediaDeviceKind): SelectOption[] {
  const matching = devices.filter((device) => device.kind === kind && device.deviceId !== "default" && device.deviceId !== "communications");
  const kindName = kind === "audioinput" ? "Microphone" : kind === "videoinput" ? "Camera" : "Speaker";
  return [
    { value: "", label: "System default" },
    ...matching.map((device, index) => ({
      value: device.deviceId,
      label: device.label === "" ? `${kindName} ${index + 1}` : device.label,
    })),
  ];
}
