import { useSyncExternalStore } from "react";
import type { Observable } from "./observable";

/** useObservable returns the value of an observable and renders again when it changes. */
export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(
    (listener) => observable.subscribe(listener),
    () => observable.value,
  );
}
