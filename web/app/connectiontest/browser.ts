// The steps that need no network.
import { isBrowserSupported } from "livekit-client";
import { failed, type Outcome, passed } from "./step";

const updateText = "This browser cannot hold calls: use a current version of Chrome, Edge, Firefox or Safari.";

/** browser checks that the browser has WebRTC and the codecs of calls. */
export function browser(): Outcome {
  const name = `Browser: ${browserName(navigator.userAgent)}`;
  if (!("RTCPeerConnection" in window) || !isBrowserSupported()) return failed(updateText, name, "WebRTC: not available");
  const audio = codecNames("audio");
  const video = codecNames("video");
  const facts = [name, "WebRTC: available", `Audio codecs: ${audio.join(", ")}`, `Video codecs: ${video.join(", ")}`];
  return audio.includes("opus") && (video.includes("VP8") || video.includes("H264")) ? passed(...facts) : failed(updateText, ...facts);
}

/** securePage checks that the browser permits camera and microphone on this page. */
export function securePage(): Outcome {
  const address = `Address: ${location.origin}`;
  if (window.isSecureContext) return passed(address);
  return failed("Browsers allow camera and microphone only on secure pages: open this site with its https address.", address);
}

/** browserName returns the name and the version in a User-Agent header. */
export function browserName(userAgent: string): string {
  const names = { Edg: "Edge", OPR: "Opera", Firefox: "Firefox", FxiOS: "Firefox", CriOS: "Chrome", Chrome: "Chrome", Version: "Safari" };
  for (const [product, name] of Object.entries(names)) {
    const version = new RegExp(`${product}/([\\d.]+)`).exec(userAgent)?.[1];
    if (version !== undefined) return `${name} ${version}`;
  }
  return "unknown";
}

/** The codecs that the browser sends, without the helpers for retransmission and error correction. */
function codecNames(kind: "audio" | "video"): string[] {
  const helpers = /^(rtx|red|ulpfec|flexfec.*|CN|telephone-event)$/i;
  const names = (RTCRtpSender.getCapabilities(kind)?.codecs ?? []).map(({ mimeType }) => mimeType.slice(kind.length + 1));
  return [...new Set(names)].filter((name) => !helpers.test(name));
}
