import { supportsSpeakerChoice } from "../media/speaker";
import { Select, type SelectOption } from "../ui/Select";

const labels = {
  audioinput: "Microphone device",
  videoinput: "Camera device",
  audiooutput: "Speaker device",
} as const;

/** DevicePicker offers the devices of one kind, the system's default first. */
export function DevicePicker({ kind, devices, value, onChange }: {
  kind: MediaDeviceKind;
  devices: MediaDeviceInfo[];
  value: string;
  onChange: (deviceId: string) => void;
}) {
  const fixed = kind === "audiooutput" && !supportsSpeakerChoice();
  const options = fixed ? [{ value: "", label: "Your system's choice" }] : deviceOptions(devices, kind);
  // A remembered device that is gone gives way to the default without a word.
  const known = options.some((option) => option.value === value);
  return (
    <Select label={labels[kind]} value={known ? value : ""} options={options} disabled={fixed} onChange={onChange} />
  );
}

/** deviceOptions names the devices of a kind; the browser's own entries for the default merge into ours. */
export function deviceOptions(devices: readonly MediaDeviceInfo[], kind: MediaDeviceKind): SelectOption[] {
  const own = devices.filter((device) => device.kind === kind && device.deviceId !== "default" && device.deviceId !== "communications");
  const plain = kind === "audioinput" ? "Microphone" : kind === "videoinput" ? "Camera" : "Speaker";
  return [
    { value: "", label: "System default" },
    ...own.map((device, index) => ({
      value: device.deviceId,
      label: device.label === "" ? `${plain} ${index + 1}` : device.label,
    })),
  ];
}
