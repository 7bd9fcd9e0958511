import { describeMediaError, permissionOf } from "../media/localMedia";
import type { DeviceKind, MediaProblem } from "../media/mediaProblem";
import type { Session } from "./session";
import { type Outcome, passed, warning } from "./step";
import { testVideo, testTone } from "./testTracks";

const constraints: Record<DeviceKind, MediaStreamConstraints> = {
  microphone: { audio: true },
  camera: { video: { width: { ideal: 1280 }, height: { ideal: 720 } } },
};

/**
 * devices requests the camera and the microphone. In place of a device that cannot be used, the test continues with a
 * generated video or tone.
 */
export async function devices(session: Session): Promise<Outcome> {
  const problems: MediaProblem[] = [];
  const facts: string[] = [];
  const found = await requestDevices();
  for (const kind of ["camera", "microphone"] as const) {
    const result = found[kind];
    const name = kind === "camera" ? "Camera" : "Microphone";
    if (result instanceof MediaStreamTrack) {
      session.tracks.push(result);
      facts.push(`${name}: ${describeTrack(result)}`);
      continue;
    }
    const problem = await describeMediaError(kind, result);
    problems.push(problem);
    facts.push(`${name}: ${problem.title} (${kind === "camera" ? "a test video is sent instead" : "a test tone is sent instead"})`);
    session.tracks.push(kind === "camera" ? testVideo(session.signal) : testTone(session.signal));
  }
  if (session.signal.aborted) for (const track of session.tracks) track.stop();
  facts.push(...(await deviceCounts()));
  return problems[0] ? warning(problems[0].text, ...facts) : passed(...facts);
}

/** Requests both devices with one question, and returns the track of each or the error. */
async function requestDevices(): Promise<Record<DeviceKind, unknown>> {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ ...constraints.camera, ...constraints.microphone });
    return { camera: stream.getVideoTracks()[0], microphone: stream.getAudioTracks()[0] };
  } catch (error) {
    return { camera: await requestDevice("camera", error), microphone: await requestDevice("microphone", error) };
  }
}

/** Requests one device after the request for both has failed, unless that would ask the person again. */
async function requestDevice(kind: DeviceKind, before: unknown): Promise<unknown> {
  const declined = before instanceof DOMException && before.name === "NotAllowedError";
  if (declined && (await permissionOf(kind)) !== "granted") return before;
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints[kind]);
    return stream.getTracks()[0];
  } catch (error) {
    return error;
  }
}

function describeTrack(track: MediaStreamTrack): string {
  const { width, height, frameRate } = track.getSettings();
  const size = width === undefined || height === undefined ? "" : `, ${width}×${height}`;
  return `${track.label || "unnamed"}${size}${frameRate === undefined ? "" : `, ${Math.round(frameRate)} frames/s`}`;
}

async function deviceCounts(): Promise<string[]> {
  if (!("mediaDevices" in navigator)) return [];
  const all = await navigator.mediaDevices.enumerateDevices();
  const count = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind).length;
  return [`Number of cameras: ${count("videoinput")}, microphones: ${count("audioinput")}, speakers: ${count("audiooutput")}`];
}
