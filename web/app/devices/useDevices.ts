import { useEffect, useState } from "react";

const none: MediaDeviceInfo[] = [];

/**
 * useDevices returns the connected devices and updates when one is connected or removed. Browsers hide the labels until
 * permission is granted, so the devices are read again when refreshKey changes.
 */
export function useDevices(refreshKey: unknown): MediaDeviceInfo[] {
  const [devices, setDevices] = useState(none);
  useEffect(() => {
    if (!("mediaDevices" in navigator)) return;
    let mounted = true;
    const read = () => {
      navigator.mediaDevices.enumerateDevices().then(
        (list) => {
          if (mounted) setDevices(list.filter((device) => device.deviceId !== ""));
        },
        () => undefined, // without a list the pickers have only the default
      );
    };
    read();
    navigator.mediaDevices.addEventListener("devicechange", read);
    return () => {
      mounted = false;
      navigator.mediaDevices.removeEventListener("devicechange", read);
    };
  }, [refreshKey]);
  return devices;
}
