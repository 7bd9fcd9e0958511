import { useEffect } from "react";
import type { Notices } from "../notices/notices";
import { deviceOf } from "./chosen";

/** DeviceUser is a call whose devices can be changed. */
export interface DeviceUser {
  readonly notices: Notices;
  /** chooseDevice changes a device and remembers the choice; the empty id is the system's default. */
  chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void>;
}

/** useDeviceNotices offers to switch when a microphone or camera is plugged in. */
export function useDeviceNotices(call: DeviceUser): void {
  useEffect(() => {
    if (!("mediaDevices" in navigator)) return;
    let known: Set<string> | undefined;
    let over = false;
    const look = async () => {
      const devices = await navigator.mediaDevices.enumerateDevices();
      if (over) return;
      for (const { kind, deviceId, label } of known ? devices : []) {
        const device = deviceOf(kind);
        if (!device || known?.has(kind + deviceId) || label === "" || deviceId === "default" || deviceId === "communications") continue;
        call.notices.say(`A ${device} was connected: ${label}.`, {
          label: "Use it",
          run: () => void call.chooseDevice(kind, deviceId),
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
