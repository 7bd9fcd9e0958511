import { useSyncExternalStore } from "react";
import type { Observable } from "./observable";

/** useObservable draws a view again whenever a value that lives outside it changes. */
export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(
    (listener) => observable.subscribe(listener),
    () => observable.value,
  );
}
