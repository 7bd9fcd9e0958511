import { type RefObject, useLayoutEffect, useRef, useState } from "react";

/** useSize measures an element's content box, now and whenever it changes. */
export function useSize<E extends Element>(): [RefObject<E | null>, { width: number; height: number }] {
  const element = useRef<E>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const current = element.current;
    if (!current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(current);
    const { width, height } = current.getBoundingClientRect();
    setSize({ width, height });
    return () => observer.disconnect();
  }, []);
  return [element, size];
}
