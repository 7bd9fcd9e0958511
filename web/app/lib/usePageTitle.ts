import { useEffect } from "react";

/** usePageTitle sets the title of the page. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
