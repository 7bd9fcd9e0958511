import { useEffect } from "react";
import type { Notices } from "../notices/notices";
import { deviceKindOf } from "./deviceChoice";

/** CallWithDevices is a call whose devices can be changed. */
export interface CallWithDevices {
  readonly notices: Notices;
  /** chooseDevice changes a device and stores the choice. An empty id means the system's default. */
  chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void>;
}

/** useDeviceNotices shows a notice when a microphone or camera is connected, with a button that switches to it. */
export function useDeviceNotices(call: CallWithDevices): void {
  useEffect(() => {
    if (!("mediaDevices" in navigator)) return;
    let known: Set<string> | undefined;
    let unmounted = false;
    const check = async () => {
      const devices = await navigator.mediaDevices.enumerateDevices();
      if (unmounted) return;
      for (const { kind, deviceId, label } of known ? devices : []) {
        const device = deviceKindOf(kind);
        if (!device || known?.has(kind + deviceId) || label === "" || deviceId === "default" || deviceId === "communications") continue;
        call.notices.show(`A ${device} was connected: ${label}.`, {
          label: "Use it",
          run: () => void call.chooseDevice(kind, deviceId),
        });
      }
      known = new Set(devices.map(({ kind, deviceId }) => kind + deviceId));
    };
    const onChange = () => void check();
    onChange();
    navigator.mediaDevices.addEventListener("devicechange", onChange);
    return () => {
      unmounted = true;
      navigator.mediaDevices.removeEventListener("devicechange", onChange);
    };
  }, [call]);
}
