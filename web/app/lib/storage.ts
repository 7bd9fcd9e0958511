// The only place that stores anything in the browser.

/** What this browser remembers from one meeting to the next. */
export interface Preferences {
  name: string;
  microphone: boolean;
  camera: boolean;
  /** Device ids; the empty string stands for the system's default. */
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

/** loadPreferences reads what was remembered; anything missing or spoilt takes its default. */
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

/** savePreferences remembers the given values beside those already there. */
export function savePreferences(changed: Partial<Preferences>): void {
  try {
    localStorage.setItem(key, JSON.stringify({ ...loadPreferences(), ...changed }));
  } catch {
    // Storage is full or forbidden: the meeting works, it is only not remembered.
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
