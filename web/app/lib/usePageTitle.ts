import { useEffect } from "react";

/** usePageTitle sets the title for as long as the view is shown. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
