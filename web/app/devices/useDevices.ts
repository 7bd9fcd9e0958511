import { useEffect, useState } from "react";

const none: MediaDeviceInfo[] = [];

/**
 * useDevices lists the devices the browser tells of and follows plugging in
 * and out. Labels appear once permission is given, so a change of moment reads again.
 */
export function useDevices(moment: unknown): MediaDeviceInfo[] {
  const [devices, setDevices] = useState(none);
  useEffect(() => {
    if (!("mediaDevices" in navigator)) return;
    let current = true;
    const read = () => {
      navigator.mediaDevices.enumerateDevices().then(
        (list) => {
          if (current) setDevices(list.filter((device) => device.deviceId !== ""));
        },
        () => undefined, // without a list the pickers offer the default only
      );
    };
    read();
    navigator.mediaDevices.addEventListener("devicechange", read);
    return () => {
      current = false;
      navigator.mediaDevices.removeEventListener("devicechange", read);
    };
  }, [moment]);
  return devices;
}
