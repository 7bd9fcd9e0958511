import { type RefObject, useLayoutEffect, useRef, useState } from "react";

/**
 * useSize returns a ref for an element and the size of the element's content box in pixels. It renders again when the size
 * changes.
 */
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
