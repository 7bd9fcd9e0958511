import { isReachable } from "../lib/api";

/** The time between two checks, in milliseconds. */
const interval = 2_000;

/**
 * watchTrust checks whether this device trusts the server's certificate authority, until it does: it requests the URL in
 * data-check, which is on https, while the page is visible. It shows the result in the page's status element.
 */
export function watchTrust(main: HTMLElement) {
  const status = main.querySelector<HTMLElement>("[role=status]");
  const url = main.dataset.check ?? "";
  if (!status || url === "" || status.dataset.state === "secure") return;
  const check = async () => {
    if (document.visibilityState === "visible") {
      const trusted = await isReachable(url);
      status.dataset.state = trusted ? "trusted" : "untrusted";
      if (trusted) return;
    }
    setTimeout(() => void check(), interval);
  };
  void check();
}
