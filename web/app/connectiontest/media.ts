// The last steps: they publish to a room and subscribe in the same room, over the path that calls use.
import { createAudioAnalyser, RemoteAudioTrack, type Room, Track } from "livekit-client";
import { type Session, statsOf } from "./session";
import { mediaPath, pathFacts, percentText, rateText, received, type Received, sent, type Sent, timeText } from "./stats";
import { failed, type Outcome, passed, warning } from "./step";
import { testVideo } from "./testTracks";

/** How long media may take to arrive, in milliseconds. The server reports at intervals of up to five seconds (RFC 3550, 6.2). */
const arrivalTime = 15_000;
/** What must have arrived for a medium to count as received: half a second of audio, and a few frames. */
const minAudioPackets = 25;
const minFrames = 5;
/** How long to wait for sound after the first audio, in milliseconds, because a level of 0 could also be a pause. */
const soundTime = 2_000;
/** How long the bandwidth is measured, in milliseconds, after a time in which the browser raises its bitrate. */
const rampTime = 3_000;
const bandwidthTime = 5_000;
/** The video that is sent to measure the bandwidth: enough for a camera and a shared screen. */
const load = { maxBitrate: 3_000_000, maxFramerate: 15 };
/** A call with less upload than this, in bit/s, sends no usable video. */
const minUpload = 300_000;
/** Beyond this share of lost packets, retransmission and error correction no longer hide the loss. */
const maxLoss = 0.05;
/** Beyond this round trip, in milliseconds, people interrupt each other (ITU-T G.114 recommends less in each direction). */
const maxRoundTrip = 400;

const kinds = ["audio", "video"] as const;

/** publish sends audio and video, and waits until the server reports their reception. */
export async function publish(session: Session): Promise<Outcome> {
  const room = await session.newRoom();
  const publisher = await session.connect(room.serverUrl, room.publisherToken);
  session.media = { room, publisher };
  for (const track of session.tracks) {
    const source = track.kind === "audio" ? Track.Source.Microphone : Track.Source.Camera;
    await publisher.localParticipant.publishTrack(track, { source, simulcast: false, videoCodec: "vp8" });
  }
  const arrived = await session.poll(arrivalTime, async () => {
    const report = await statsOf(publisher);
    const found = report && kinds.map((kind) => sent(report, kind));
    return found?.every(({ reported, roundTrip }) => reported && roundTrip !== undefined) ? found : undefined;
  });
  const report = await statsOf(publisher);
  session.path = report && mediaPath(report);
  const facts = session.path ? pathFacts(session.path) : [];
  if (!arrived) return failed("The server did not receive the audio and video of this browser: try again, or use another network.", ...facts);
  return passed(...facts, ...arrived.map((medium, i) => sentText(kinds[i] === "audio" ? "Audio" : "Video", medium)));
}

/** subscribe receives the published audio and video on a second connection, and waits until they are decoded. */
export async function subscribe(session: Session): Promise<Outcome> {
  const { media } = session;
  if (!media) return failed("Run the test again.");
  const subscriber = await session.connect(media.room.serverUrl, media.room.subscriberToken);
  media.subscriber = subscriber;
  const player = new SilentPlayer(session.signal);
  let latest: { audio: Received; video: Received } | undefined;
  const arrived = await session.poll(arrivalTime, async () => {
    player.play(subscriber);
    const report = await statsOf(subscriber);
    if (!report) return undefined;
    latest = { audio: received(report, "audio"), video: received(report, "video") };
    return latest.audio.packets >= minAudioPackets && latest.video.framesDecoded >= minFrames ? latest : undefined;
  });
  const level = arrived ? ((await session.poll(soundTime, () => player.level() || undefined)) ?? 0) : 0;
  const facts = latest ? receivedTexts(latest, level) : [];
  return arrived ? passed(...facts) : failed("Audio and video do not come back from the server: try again, or use another network or browser.", ...facts);
}

/** bandwidth sends more video, and measures for some seconds how much is sent and received, and how much is lost. */
export async function bandwidth(session: Session): Promise<Outcome> {
  const { publisher, subscriber } = session.media ?? {};
  if (!publisher || !subscriber) return failed("Run the test again.");
  const video = testVideo(session.signal);
  session.tracks.push(video);
  await publisher.localParticipant.publishTrack(video, { source: Track.Source.ScreenShare, simulcast: false, videoCodec: "vp8", screenShareEncoding: load });
  await session.pause(rampTime);
  const [sentBefore, receivedBefore] = await Promise.all([statsOf(publisher), statsOf(subscriber)]);
  const start = performance.now();
  await session.pause(bandwidthTime);
  const [sentAfter, receivedAfter] = await Promise.all([statsOf(publisher), statsOf(subscriber)]);
  const seconds = (performance.now() - start) / 1000;
  if (!sentBefore || !sentAfter || !receivedBefore || !receivedAfter) return failed("The connection was lost during the measurement: check your network and try again.");

  const path = mediaPath(sentAfter);
  const upload = total(kinds.map((kind) => difference(sent(sentAfter, kind), sent(sentBefore, kind))));
  const download = total(kinds.map((kind) => difference(received(receivedAfter, kind), received(receivedBefore, kind))));
  const sentRate = (upload.bytes * 8) / seconds;
  const receivedRate = (download.bytes * 8) / seconds;
  const upLoss = share(upload.lost, upload.packets);
  const downLoss = share(download.lost, download.packets + download.lost);
  const roundTrip = path?.roundTrip ?? sent(sentAfter, "video").roundTrip;
  const downRoundTrip = mediaPath(receivedAfter)?.roundTrip;
  const facts = [
    ...(path?.uploadCapacity === undefined ? [] : [`Upload capacity: at least ${rateText(path.uploadCapacity)}`]),
    `Sent: ${rateText(sentRate)}, ${percentText(upLoss)} lost, jitter ${timeText(upload.jitter)}${roundTripText(roundTrip)}`,
    `Received: ${rateText(receivedRate)}, ${percentText(downLoss)} lost, jitter ${timeText(download.jitter)}${roundTripText(downRoundTrip)}`,
  ];
  const problem = bandwidthProblem(path?.uploadCapacity, Math.max(upLoss, downLoss), Math.max(roundTrip ?? 0, downRoundTrip ?? 0));
  return problem === "" ? passed(...facts) : warning(problem, ...facts);
}

/** bandwidthProblem returns what to do about a slow or lossy connection, or "" if it is good enough for calls. */
export function bandwidthProblem(uploadCapacity: number | undefined, loss: number, roundTrip: number): string {
  if (loss > maxLoss) return "Packets are lost, so calls may stutter: use a cable, or move closer to the Wi-Fi router.";
  if (uploadCapacity !== undefined && uploadCapacity < minUpload) return "The upload is slow, so your video may be blurred or off: end other uploads on this network.";
  if (roundTrip > maxRoundTrip) return "The delay is long, so people may interrupt each other: turn off a VPN, or use another network.";
  return "";
}

const sentText = (name: string, { packets, lost, jitter, roundTrip }: Sent) =>
  `${name}: ${packets} packets sent, ${lost} lost, jitter ${timeText(jitter)}${roundTripText(roundTrip)}`;

function receivedTexts({ audio, video }: { audio: Received; video: Received }, level: number): string[] {
  return [
    `Audio: ${audio.packets} packets received, level ${percentText(level)}`,
    `Video: ${video.framesDecoded} frames decoded${video.width > 0 ? `, ${video.width}×${video.height}` : ""}`,
  ];
}

const roundTripText = (time: number | undefined) => (time === undefined ? "" : `, round trip ${timeText(time)}`);

/** SilentPlayer plays received tracks without sound, because people must not hear themselves, until `ended` is aborted. */
class SilentPlayer {
  readonly #ended: AbortSignal;
  readonly #playing = new Set<Track>();
  #volume: (() => number) | undefined;

  constructor(ended: AbortSignal) {
    this.#ended = ended;
  }

  /** play plays the tracks that a room has received. */
  play(room: Room): void {
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.trackPublications.values()) {
        if (track && !this.#playing.has(track)) this.#playTrack(track);
      }
    }
  }

  /** level returns the volume of the received audio at this moment, from 0 to 1. */
  level(): number {
    return this.#volume?.() ?? 0;
  }

  // Browsers decode only what is played, and Chrome passes audio to an analyser only if an element plays it.
  #playTrack(track: Track): void {
    this.#playing.add(track);
    const element = document.createElement(track.kind === Track.Kind.Audio ? "audio" : "video");
    element.muted = true;
    element.srcObject = new MediaStream([track.mediaStreamTrack]);
    if (element instanceof HTMLVideoElement) element.playsInline = true;
    void element.play().catch(() => undefined);
    this.#ended.addEventListener("abort", () => (element.srcObject = null), { once: true });
    if (track instanceof RemoteAudioTrack) {
      const { calculateVolume, cleanup } = createAudioAnalyser(track);
      this.#volume = calculateVolume;
      this.#ended.addEventListener("abort", () => void cleanup(), { once: true });
    }
  }
}

interface Traffic {
  packets: number;
  bytes: number;
  lost: number;
  jitter: number;
}

const difference = (after: Traffic, before: Traffic): Traffic => ({
  packets: after.packets - before.packets,
  bytes: after.bytes - before.bytes,
  lost: Math.max(0, after.lost - before.lost),
  jitter: after.jitter,
});

const total = (list: Traffic[]): Traffic =>
  list.reduce((a, b) => ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes, lost: a.lost + b.lost, jitter: Math.max(a.jitter, b.jitter) }));

const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);
