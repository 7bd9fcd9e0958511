/** Preferences are the values stored in the browser for later calls. Only this file uses the browser's storage. */
export interface Preferences {
  name: string;
  microphone: boolean;
  camera: boolean;
  /** Device ids. An empty id means the system's default. */
  microphoneId: string;
  cameraId: string;
  speakerId: string;
}

const key = "meet.preferences";

const defaults: Preferences = {
  name: "",
  microphone: true,
  camera: true,
  microphoneId: "",
  cameraId: "",
  speakerId: "",
};

/** loadPreferences returns the stored preferences, with defaults for missing and malformed ones. */
export function loadPreferences(): Preferences {
  const stored = read();
  const pick = <K extends keyof Preferences>(name: K): Preferences[K] =>
    typeof stored[name] === typeof defaults[name] ? (stored[name] as Preferences[K]) : defaults[name];
  return {
    name: pick("name"),
    microphone: pick("microphone"),
    camera: pick("camera"),
    microphoneId: pick("microphoneId"),
    cameraId: pick("cameraId"),
    speakerId: pick("speakerId"),
  };
}

/** savePreferences stores the given values and leaves the other ones unchanged. */
export function savePreferences(changed: Partial<Preferences>): void {
  try {
    localStorage.setItem(key, JSON.stringify({ ...loadPreferences(), ...changed }));
  } catch {
    // The storage is full or forbidden. Calls work without it.
  }
}

function read(): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
