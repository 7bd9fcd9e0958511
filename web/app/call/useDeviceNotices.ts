import { useEffect } from "react";
import type { Call } from "./call";
import { chooseDevice } from "./chooseDevice";

const nouns: Partial<Record<MediaDeviceKind, string>> = { audioinput: "microphone", videoinput: "camera" };

/** useDeviceNotices offers to switch when a microphone or camera is plugged in. */
export function useDeviceNotices(call: Call): void {
  useEffect(() => {
    if (!("mediaDevices" in navigator)) return;
    let known: Set<string> | undefined;
    let over = false;
    const look = async () => {
      const devices = await navigator.mediaDevices.enumerateDevices();
      if (over) return;
      for (const { kind, deviceId, label } of known ? devices : []) {
        const noun = nouns[kind];
        if (!noun || known?.has(kind + deviceId) || label === "" || deviceId === "default" || deviceId === "communications") continue;
        call.notices.say(`A ${noun} was connected: ${label}.`, {
          label: "Use it",
          run: () => void chooseDevice(call, kind, deviceId),
        });
      }
      known = new Set(devices.map(({ kind, deviceId }) => kind + deviceId));
    };
    const onChange = () => void look();
    onChange();
    navigator.mediaDevices.addEventListener("devicechange", onChange);
    return () => {
      over = true;
      navigator.mediaDevices.removeEventListener("devicechange", onChange);
    };
  }, [call]);
}
