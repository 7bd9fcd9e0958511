import { useEffect } from "react";
import type { Notices } from "../notices/notices";

const nouns: Partial<Record<MediaDeviceKind, string>> = { audioinput: "microphone", videoinput: "camera" };

/** useDeviceNotices offers to switch when a microphone or camera is plugged in. */
export function useDeviceNotices(notices: Notices, choose: (kind: MediaDeviceKind, deviceId: string) => void): void {
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
        notices.say(`A ${noun} was connected: ${label}.`, {
          label: "Use it",
          run: () => choose(kind, deviceId),
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
  }, [notices, choose]);
}
