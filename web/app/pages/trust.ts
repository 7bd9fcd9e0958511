import "../styles/page";
import "../styles/trust.css";
import { watchTrust } from "./watchTrust";

const main = document.getElementById("trust");
if (main) watchTrust(main);

// iPads claim to be Macs, but Macs have no touch screens.
const ios = main?.querySelector<HTMLDetailsElement>("details[data-system=ios]");
if (ios && navigator.userAgent.includes("Macintosh") && navigator.maxTouchPoints > 1) ios.open = true;
