import { useEffect } from "react";

/** useWakeLock keeps the screen on while the component is mounted, if the browser supports it. */
export function useWakeLock(): void {
  useEffect(() => {
    if (!("wakeLock" in navigator)) return;
    let lock: WakeLockSentinel | undefined;
    let unmounted = false;
    // The browser releases the lock when the page is hidden, so it is requested again when the page is visible.
    const request = () => {
      if (document.visibilityState !== "visible") return;
      navigator.wakeLock.request("screen").then(
        (acquired) => {
          if (unmounted) void acquired.release();
          else lock = acquired;
        },
        () => undefined, // refused, for example on a low battery
      );
    };
    request();
    document.addEventListener("visibilitychange", request);
    return () => {
      unmounted = true;
      document.removeEventListener("visibilitychange", request);
      void lock?.release();
    };
  }, []);
}
