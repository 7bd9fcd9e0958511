import { ParticipantKind, type RemoteParticipant, type RemoteTrack, type RemoteTrackPublication, type Room, RoomEvent, type TextStreamReader, Track, VideoQuality } from "livekit-client";
import { type Observable, State } from "../lib/observable";
import { receivedCount } from "../peer/transportStats";
import { PeerTransport, type TrackRole, type Tracks } from "../peer/peerTransport";

/** Signal is a message that the two pages exchange through the server. */
interface Signal {
  /**
   * Ready: the sender has received media through the server for a while. Back: both sides return to the server's media.
   * The other names are for the PeerTransport.
   */
  name: "Ready" | "Back" | "VideoOffer" | "VideoAnswer" | "IceCandidate";
  text: string;
}

/** DirectMedia is the media shown from the direct path: the tracks, and the participant who sends them. */
export interface DirectMedia {
  from: RemoteParticipant | undefined;
  tracks: Tracks;
}

const noMedia: DirectMedia = { from: undefined, tracks: {} };

const topic = "meet.direct";
const signals: readonly string[] = ["Ready", "Back", "VideoOffer", "VideoAnswer", "IceCandidate"] satisfies Signal["name"][];
const sources: Partial<Record<Track.Source, TrackRole>> = {
  [Track.Source.Microphone]: "microphone",
  [Track.Source.Camera]: "camera",
  [Track.Source.ScreenShare]: "screen",
  [Track.Source.ScreenShareAudio]: "screenAudio",
};

const roles = Object.values(sources);

/** The time between two polls of the received media, in milliseconds. */
const pollInterval = 200;
/** How long media must have arrived through the server before a direct path is tried, in milliseconds. */
const serverProbation = 3_000;
/**
 * How many polls in a row must have found new audio or camera video before a track is played from the direct path. For a
 * shared screen one poll is enough, because a still screen sends few frames.
 */
const minPolls = 3;
/** After this time without audio or camera video, in milliseconds, the direct path counts as broken. */
const silenceTimeout = 500;
/** How long an attempt may take to connect, in milliseconds. */
const connectTimeout = 15_000;
/**
 * How long a working direct path keeps playing after the return to the server, in milliseconds, until the server sends full
 * quality.
 */
const overlap = 1_500;
/**
 * The delay after a failed attempt, in milliseconds. The first delay is `initial`, and each failure doubles it, up to `max`.
 * After a direct path that lasted longer than `resetAfter`, it is `initial` again.
 */
const retryDelay = { initial: 30_000, max: 600_000, resetAfter: 300_000 };

/**
 * DirectPath sends the media of a meeting of two from browser to browser where the browsers can reach each other.
 *
 * The server's media must work first, and the server continues to send it at low cost: audio, which is not played, and the
 * smallest layer of each video. So a call can return to the server's media immediately when the direct path fails, a third
 * participant joins or a recording starts. A track is played from the direct path only after it has arrived there for a
 * while, so that nothing is missed.
 */
export class DirectPath {
  readonly #room: Room;
  readonly #ended: AbortSignal;
  readonly #media = new State<DirectMedia>(noMedia);
  #iceServers: RTCIceServer[] = [];
  #attempt: Attempt | undefined;
  /** Whether this side and the participant peerSid have received media through the server for long enough. */
  #readiness = { peerSid: "", since: 0, local: false, remote: false };
  /** The time before which no attempt with the participant peerSid may start, and the delay after the next failure. */
  #backoff = { peerSid: "", until: 0, nextDelay: retryDelay.initial };
  /** Roles whose track this browser refuses to play. Some browsers play no audio before the first click on a page. */
  readonly #refused = new Set<TrackRole>();
  #polling = false;
  /** Signals are handled one at a time, because most are handled asynchronously. */
  #queue = Promise.resolve();

  constructor(room: Room, callEnded: AbortSignal) {
    this.#room = room;
    this.#ended = callEnded;
  }

  get media(): Observable<DirectMedia> {
    return this.#media;
  }

  /** allow starts looking for a direct path. It stops when the call ends. */
  allow(iceServers: RTCIceServer[]): void {
    this.#iceServers = iceServers;
    this.#room.registerTextStreamHandler(topic, (reader, { identity }) => this.#onText(reader, identity));
    const timer = setInterval(() => void this.#poll(), pollInterval);
    this.#room.on(RoomEvent.ParticipantConnected, () => void this.#poll());
    this.#ended.addEventListener("abort", () => {
      clearInterval(timer);
      this.#room.unregisterTextStreamHandler(topic);
      this.#attempt?.transport.close();
      this.#attempt = undefined;
      this.#media.set(noMedia);
    });
  }

  /** refuse records that this browser could not play the track of a role. The server's track is then played instead. */
  refuse(role: TrackRole): void {
    this.#refused.add(role);
  }

  /** Returns the other participant of a meeting of two, or undefined if media must go through the server. */
  #eligiblePeer(): RemoteParticipant | undefined {
    const [peer, third] = this.#room.remoteParticipants.values();
    if (peer?.kind !== ParticipantKind.STANDARD || third || this.#room.isRecording || this.#room.isE2EEEnabled) return undefined;
    return this.#maySubscribe(peer) ? peer : undefined;
  }

  /** Reports whether a participant is still in the room and may receive media. */
  #maySubscribe(peer: RemoteParticipant): boolean {
    return this.#room.remoteParticipants.get(peer.identity) === peer && peer.permissions?.canSubscribe !== false;
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const peer = this.#eligiblePeer();
      if (this.#attempt && this.#attempt.peer !== peer) this.#returnToServer(this.#attempt, this.#maySubscribe(this.#attempt.peer));
      if (!peer) this.#readiness.peerSid = "";
      else if (this.#attempt) await this.#update(this.#attempt);
      else if (Date.now() >= this.#backoffFor(peer).until) await this.#prepare(peer);
    } finally {
      this.#polling = false;
    }
  }

  /** Announces that the server's media arrive here, and starts an attempt when they arrive on both sides. */
  async #prepare(peer: RemoteParticipant): Promise<void> {
    this.#selectReadiness(peer);
    if (!this.#readiness.local) {
      if (!(await serverMediaArrive(peer))) this.#readiness.since = Date.now();
      if (this.#ended.aborted || this.#eligiblePeer() !== peer || Date.now() - this.#readiness.since < serverProbation) return;
      this.#readiness.local = true;
      this.#signal(peer, "Ready");
    }
    if (this.#readiness.remote && this.#isOfferer(peer) && !this.#attempt) {
      this.#attempt = this.#connect(peer);
      this.#attempt.transport.startOffer();
    }
  }

  /** Reports whether this side makes the first offer. The other side is then the polite one. */
  #isOfferer(peer: RemoteParticipant): boolean {
    return this.#room.localParticipant.identity < peer.identity;
  }

  #connect(peer: RemoteParticipant): Attempt {
    const transport = new PeerTransport({
      polite: !this.#isOfferer(peer),
      iceServers: this.#iceServers,
      send: (name, text) => this.#signal(peer, name, text),
      onOpen: () => undefined,
      onMessage: () => undefined,
      onClosed: () => {
        if (this.#attempt?.transport === transport) this.#returnToServer(this.#attempt, false); // the peer has left or returned to the server
      },
    });
    const attempt: Attempt = { peer, transport, startedAt: Date.now(), tracks: new Map() };
    this.#sendTracks(attempt);
    return attempt;
  }

  /** Sends the published, unmuted tracks on the direct path too. */
  #sendTracks({ transport }: Attempt): void {
    const tracks: Partial<Record<TrackRole, MediaStreamTrack | undefined>> = {};
    for (const publication of this.#room.localParticipant.trackPublications.values()) {
      const role = sources[publication.source];
      if (role && !publication.isMuted) tracks[role] = publication.track?.mediaStreamTrack;
    }
    for (const role of roles) transport.setTrack(role, tracks[role] ?? null);
  }

  /** Plays each track from the direct path once it arrives there steadily, and returns to the server when the path fails. */
  async #update(attempt: Attempt): Promise<void> {
    this.#sendTracks(attempt);
    const { peer, transport, tracks } = attempt;
    const now = Date.now();
    if (transport.state.value === "connecting") {
      if (now - attempt.startedAt > connectTimeout) this.#fail(attempt);
      return;
    }
    if (transport.state.value === "interrupted") {
      this.#fail(attempt);
      return;
    }
    const counts = await transport.receivedCounts();
    if (this.#attempt !== attempt) return;
    const subscribed = subscribedPublications(peer);
    let lost = false;
    for (const role of roles) {
      const track = tracks.get(role) ?? { count: 0, lastReceivedAt: now, polls: 0 };
      tracks.set(role, track);
      const count = counts[role] ?? 0;
      const increased = count > track.count;
      if (increased) Object.assign(track, { count, lastReceivedAt: now });
      track.polls = increased ? track.polls + 1 : 0;

      const publication = subscribed.get(role);
      const steady = role !== "screen"; // a still screen sends hardly any frames
      const silent = steady && now - track.lastReceivedAt > silenceTimeout;
      if (track.replaces && (track.replaces !== publication || silent || this.#refused.has(role))) {
        if (track.replaces === publication && silent) lost = true;
        setServerQuality(track.replaces, "full");
        track.replaces = undefined;
        track.polls = 0;
      } else if (publication && !track.replaces && track.polls >= (steady ? minPolls : 1) && transport.stats.value.path === "direct" && !this.#refused.has(role)) {
        track.replaces = publication;
      }
      // This is repeated on every poll, because the server's track may have been subscribed to again since the last poll.
      if (track.replaces) setServerQuality(track.replaces, "standby");
    }
    // If only one track is silent, its device has paused and the path still works.
    if (lost && ![...tracks.values()].some(({ lastReceivedAt }) => now - lastReceivedAt <= silenceTimeout)) {
      this.#fail(attempt);
      return;
    }
    this.#publishMedia(attempt);
  }

  /** Sets media to the tracks that are played from the direct path. */
  #publishMedia(attempt: Attempt): void {
    const { peer, transport } = attempt;
    const tracks: Tracks = {};
    for (const [role, { replaces }] of attempt.tracks) if (replaces && transport.remote.value[role]) tracks[role] = transport.remote.value[role];
    const before = this.#media.value;
    if (before.from !== peer || roles.some((role) => tracks[role] !== before.tracks[role])) this.#media.set({ from: peer, tracks });
  }

  /** Returns to the server because the direct path is broken, and schedules the next attempt. */
  #fail(attempt: Attempt): void {
    const backoff = this.#backoffFor(attempt.peer);
    if (Date.now() - attempt.startedAt > retryDelay.resetAfter) backoff.nextDelay = retryDelay.initial;
    backoff.until = Date.now() + backoff.nextDelay;
    backoff.nextDelay = Math.min(2 * backoff.nextDelay, retryDelay.max);
    this.#signal(attempt.peer, "Back");
    this.#returnToServer(attempt, false);
  }

  /** Resets the readiness if it belongs to another participant than the given one. */
  #selectReadiness({ sid }: RemoteParticipant): void {
    if (this.#readiness.peerSid !== sid) this.#readiness = { peerSid: sid, since: Date.now(), local: false, remote: false };
  }

  #backoffFor({ sid }: RemoteParticipant): { until: number; nextDelay: number } {
    if (this.#backoff.peerSid !== sid) this.#backoff = { peerSid: sid, until: 0, nextDelay: retryDelay.initial };
    return this.#backoff;
  }

  /**
   * Returns all tracks to the server. If the direct path still works, its video stays until the server's video has reached
   * full quality again.
   */
  #returnToServer(attempt: Attempt, works: boolean): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#readiness.peerSid = "";
    for (const { replaces } of attempt.tracks.values()) if (replaces) setServerQuality(replaces, "full");
    if (!works) {
      attempt.transport.close();
      this.#media.set(noMedia);
      return;
    }
    const { from, tracks: { camera, screen } } = this.#media.value;
    this.#media.set({ from, tracks: { ...(camera && { camera }), ...(screen && { screen }) } });
    setTimeout(() => {
      attempt.transport.close();
      if (!this.#attempt) this.#media.set(noMedia);
    }, overlap);
  }

  #signal(peer: RemoteParticipant, name: Signal["name"], text = ""): void {
    const signal: Signal = { name, text };
    // Errors are ignored: a participant that has left needs no signal, and a lost signal is repeated by the next attempt.
    this.#room.localParticipant.sendText(JSON.stringify(signal), { topic, destinationIdentities: [peer.identity] }).catch(() => undefined);
  }

  #onText(reader: TextStreamReader, identity: string): void {
    this.#queue = this.#queue.then(async () => {
      const signal: unknown = JSON.parse(await reader.readAll());
      const peer = this.#eligiblePeer();
      if (this.#ended.aborted || peer?.identity !== identity || !isSignal(signal)) return;
      await this.#handleSignal(peer, signal);
    }).catch(() => undefined); // malformed signals are dropped
  }

  async #handleSignal(peer: RemoteParticipant, { name, text }: Signal): Promise<void> {
    switch (name) {
      case "Ready":
        this.#selectReadiness(peer);
        this.#readiness.remote = true;
        if (this.#readiness.local && text === "") this.#signal(peer, "Ready", "too"); // again, because the peer may have rejoined
        return;
      case "Back":
        if (this.#attempt) this.#returnToServer(this.#attempt, false);
        return;
      case "VideoOffer":
        if (!this.#readiness.local) return;
        this.#attempt ??= this.#connect(peer);
        break;
      default:
    }
    await this.#attempt?.transport.handleSignal(name, text);
  }
}

/** Attempt is one direct connection to a participant, with the state of each track received on it. */
interface Attempt {
  peer: RemoteParticipant;
  transport: PeerTransport;
  startedAt: number;
  tracks: Map<TrackRole, ReceivedTrack>;
}

interface ReceivedTrack {
  /** The number of video frames or audio packets received so far. */
  count: number;
  /** When the last poll found that count had increased, in milliseconds since 1970. */
  lastReceivedAt: number;
  /** The number of polls in a row that found an increase. */
  polls: number;
  /** The publication whose track from the server this one replaces, or undefined while the server's track is played. */
  replaces?: RemoteTrackPublication | undefined;
}

/** subscribedPublications returns a participant's unmuted publications that arrive from the server, by role. */
function subscribedPublications(peer: RemoteParticipant): Map<TrackRole, RemoteTrackPublication> {
  const all = new Map<TrackRole, RemoteTrackPublication>();
  for (const publication of peer.trackPublications.values()) {
    const role = sources[publication.source];
    if (role && !publication.isMuted && publication.track) all.set(role, publication);
  }
  return all;
}

/**
 * setServerQuality requests a track from the server in full quality or on standby. On standby, video is received in its
 * smallest layer, and audio is received but not played, so that the track is ready when the direct path fails.
 */
function setServerQuality(publication: RemoteTrackPublication, quality: "full" | "standby"): void {
  const full = quality === "full";
  if (publication.kind === Track.Kind.Video) publication.setVideoQuality(full ? VideoQuality.HIGH : VideoQuality.LOW);
  else if (publication.track) publication.track.mediaStreamTrack.enabled = full; // not by volume, which iOS does not let pages set
}

/** serverMediaArrive reports whether every subscribed track of a participant has arrived from the server. */
async function serverMediaArrive(peer: RemoteParticipant): Promise<boolean> {
  for (const { track } of subscribedPublications(peer).values()) if ((await serverCount(track)) === 0) return false;
  return true;
}

/** serverCount returns how many video frames or audio packets of a track have arrived from the server. */
async function serverCount(track: RemoteTrack | undefined): Promise<number> {
  const report = (await track?.getRTCStatsReport()) as Map<string, Record<string, unknown>> | undefined;
  return Math.max(0, ...[...(report?.values() ?? [])].filter(({ type }) => type === "inbound-rtp").map(receivedCount));
}

function isSignal(value: unknown): value is Signal {
  if (typeof value !== "object" || value === null) return false;
  const { name, text } = value as Partial<Signal>;
  return typeof name === "string" && signals.includes(name) && typeof text === "string";
}
