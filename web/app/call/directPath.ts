import { ParticipantKind, type RemoteParticipant, type RemoteTrack, type RemoteTrackPublication, type Room, RoomEvent, type TextStreamReader, Track, VideoQuality } from "livekit-client";
import { type Observable, State } from "../lib/observable";
import { countOf } from "../link/linkStats";
import { PeerLink, type Role, type Tracks } from "../link/peerLink";

/** What the two pages say to each other by way of the server. */
interface Signal {
  /** Ready: the server's way works here. Back: it is to be used again. The rest is for the PeerLink. */
  name: "Ready" | "Back" | "VideoOffer" | "VideoAnswer" | "IceCandidate";
  text: string;
}

/** What is taken from a direct path: whose, and which of their tracks. */
export interface DirectMedia {
  from: RemoteParticipant | undefined;
  tracks: Tracks;
}

const nothing: DirectMedia = { from: undefined, tracks: {} };

const topic = "meet.direct";
const signals: readonly string[] = ["Ready", "Back", "VideoOffer", "VideoAnswer", "IceCandidate"] satisfies Signal["name"][];
const sources: Partial<Record<Track.Source, Role>> = {
  [Track.Source.Microphone]: "microphone",
  [Track.Source.Camera]: "camera",
  [Track.Source.ScreenShare]: "screen",
  [Track.Source.ScreenShareAudio]: "screenSound",
};

const roles = Object.values(sources);

/** How often it is looked at what arrives, in milliseconds. */
const interval = 200;
/** So long after the first of everything has come by the server, in milliseconds, another way is looked for. */
const proof = 3_000;
/** A path that has carried sound or a camera at so many looks in a row carries it; of a screen one picture will do. */
const looks = 3;
/** Sound or a camera of which nothing has come for so long, in milliseconds, has lost its path. */
const patience = 500;
/** A path that is not found within so long, in milliseconds, is not there. */
const connecting = 15_000;
/** A path that works goes on carrying for so long, in milliseconds, until the server's way is in full use. */
const farewell = 1_500;
/** After a failure the next attempt waits so long, in milliseconds, and twice as long after each that has not held for a while. */
const retry = { first: 30_000, most: 600_000, held: 300_000 };

/**
 * DirectPath takes what the only two of a meeting send to each other off the server's way where they can reach each
 * other. The server's way is proven before and stays: sound and the smallest layer of each picture keep going there, so it
 * takes over at once when the direct path fails, a third comes, or something is recorded. Track by track the other way is
 * used only once it has carried the track for a while, so nothing is missed.
 */
export class DirectPath {
  readonly #room: Room;
  readonly #over: AbortSignal;
  readonly #shown = new State<DirectMedia>(nothing);
  #iceServers: RTCIceServer[] = [];
  #attempt: Attempt | undefined;
  #proven = { other: "", since: 0, here: false, there: false };
  #pause = { other: "", until: 0, next: retry.first };
  /** What this browser does not let us play, as some do not before a page is touched. */
  readonly #refused = new Set<Role>();
  #looking = false;
  /** Signals are dealt with one after the other, for most take a moment. */
  #queue = Promise.resolve();

  constructor(room: Room, over: AbortSignal) {
    this.#room = room;
    this.#over = over;
  }

  get shown(): Observable<DirectMedia> {
    return this.#shown;
  }

  /** allow looks for a direct path from now on, until the call is over. */
  allow(iceServers: RTCIceServer[]): void {
    this.#iceServers = iceServers;
    this.#room.registerTextStreamHandler(topic, (reader, { identity }) => this.#hear(reader, identity));
    const timer = setInterval(() => void this.#look(), interval);
    this.#room.on(RoomEvent.ParticipantConnected, () => void this.#look());
    this.#over.addEventListener("abort", () => {
      clearInterval(timer);
      this.#room.unregisterTextStreamHandler(topic);
      this.#attempt?.link.close();
      this.#attempt = undefined;
      this.#shown.set(nothing);
    });
  }

  /** refuse leaves sound that could not be played to the server. */
  refuse(role: Role): void {
    this.#refused.add(role);
  }

  /** The only other one here, if the two of us may talk without the server. */
  #other(): RemoteParticipant | undefined {
    const [other, third] = this.#room.remoteParticipants.values();
    if (other?.kind !== ParticipantKind.STANDARD || third || this.#room.isRecording || this.#room.isE2EEEnabled) return undefined;
    return this.#mayHear(other) ? other : undefined;
  }

  /** Who has left, was put out or may not subscribe is sent nothing. */
  #mayHear(other: RemoteParticipant): boolean {
    return this.#room.remoteParticipants.get(other.identity) === other && other.permissions?.canSubscribe !== false;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const other = this.#other();
      if (this.#attempt && this.#attempt.other !== other) this.#goBack(this.#attempt, this.#mayHear(this.#attempt.other));
      if (!other) this.#proven.other = "";
      else if (this.#attempt) await this.#follow(this.#attempt);
      else if (Date.now() >= this.#pauseFor(other).until) await this.#prove(other);
    } finally {
      this.#looking = false;
    }
  }

  /** Waits until media come by the server, and both know it. */
  async #prove(other: RemoteParticipant): Promise<void> {
    if (this.#proven.other !== other.sid) this.#proven = { other: other.sid, since: Date.now(), here: false, there: false };
    if (!this.#proven.here) {
      if (!(await arrives(other))) this.#proven.since = Date.now();
      if (this.#over.aborted || this.#other() !== other || Date.now() - this.#proven.since < proof) return;
      this.#proven.here = true;
      this.#say(other, "Ready");
    }
    if (this.#proven.there && this.#begins(other) && !this.#attempt) {
      this.#attempt = this.#connect(other);
      this.#attempt.link.begin();
    }
  }

  /** One of the two offers; the other gives way. */
  #begins(other: RemoteParticipant): boolean {
    return this.#room.localParticipant.identity < other.identity;
  }

  #connect(other: RemoteParticipant): Attempt {
    const link = new PeerLink({
      polite: !this.#begins(other),
      iceServers: this.#iceServers,
      send: (name, text) => this.#say(other, name, text),
      onOpen: () => undefined,
      onMessage: () => undefined,
      onClosed: () => {
        if (this.#attempt?.link === link) this.#goBack(this.#attempt, false); // the other has left, or gone back
      },
    });
    const attempt: Attempt = { other, link, began: Date.now(), taken: new Map() };
    this.#send(attempt);
    return attempt;
  }

  /** Gives the direct path whatever the server gets. */
  #send({ link }: Attempt): void {
    const tracks: Partial<Record<Role, MediaStreamTrack | undefined>> = {};
    for (const publication of this.#room.localParticipant.trackPublications.values()) {
      const role = sources[publication.source];
      if (role && !publication.isMuted) tracks[role] = publication.track?.mediaStreamTrack;
    }
    for (const role of roles) link.setTrack(role, tracks[role] ?? null);
  }

  /** Takes over what the direct path carries, and goes back when it no longer does. */
  async #follow(attempt: Attempt): Promise<void> {
    this.#send(attempt);
    const { other, link, taken } = attempt;
    const now = Date.now();
    if (link.state.value === "connecting") {
      if (now - attempt.began > connecting) this.#fail(attempt);
      return;
    }
    if (link.state.value === "interrupted") {
      this.#fail(attempt);
      return;
    }
    const counts = await link.received();
    if (this.#attempt !== attempt) return;
    const sent = publications(other);
    let lost = false;
    for (const role of roles) {
      const track = taken.get(role) ?? { count: 0, at: now, looks: 0 };
      taken.set(role, track);
      const count = counts[role] ?? 0;
      const came = count > track.count;
      if (came) Object.assign(track, { count, at: now });
      track.looks = came ? track.looks + 1 : 0;

      const publication = sent.get(role);
      const steady = role !== "screen"; // one on which nothing moves is hardly sent
      const silent = steady && now - track.at > patience;
      if (track.used && (track.used !== publication || silent || this.#refused.has(role))) { // what comes next comes by the server
        if (track.used === publication && silent) lost = true;
        serve(track.used, true);
        track.used = undefined;
        track.looks = 0;
      } else if (publication && !track.used && track.looks >= (steady ? looks : 1) && link.stats.value.path === "direct" && !this.#refused.has(role)) {
        track.used = publication;
      }
      if (track.used) serve(track.used, false); // always, for what the server sends may have begun anew
    }
    // One that pauses alone does so because of its device.
    if (lost && ![...taken.values()].some(({ at }) => now - at <= patience)) {
      this.#fail(attempt);
      return;
    }
    this.#show(attempt);
  }

  #show({ other, link, taken }: Attempt): void {
    const tracks: Tracks = {};
    for (const [role, { used }] of taken) if (used && link.remote.value[role]) tracks[role] = link.remote.value[role];
    const before = this.#shown.value;
    if (before.from !== other || roles.some((role) => tracks[role] !== before.tracks[role])) this.#shown.set({ from: other, tracks });
  }

  /** The direct path is broken: back, and the next attempt later. */
  #fail(attempt: Attempt): void {
    const pause = this.#pauseFor(attempt.other);
    if (Date.now() - attempt.began > retry.held) pause.next = retry.first;
    pause.until = Date.now() + pause.next;
    pause.next = Math.min(2 * pause.next, retry.most);
    this.#say(attempt.other, "Back");
    this.#goBack(attempt, false);
  }

  #pauseFor(other: RemoteParticipant): { until: number; next: number } {
    if (this.#pause.other !== other.sid) this.#pause = { other: other.sid, until: 0, next: retry.first };
    return this.#pause;
  }

  /** Has everything come by the server again. Pictures of a path that still works stay until the server's are as good. */
  #goBack(attempt: Attempt, works: boolean): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#proven.other = "";
    for (const { used } of attempt.taken.values()) if (used) serve(used, true);
    if (!works) {
      attempt.link.close();
      this.#shown.set(nothing);
      return;
    }
    const { from, tracks: { camera, screen } } = this.#shown.value;
    this.#shown.set({ from, tracks: { ...(camera && { camera }), ...(screen && { screen }) } });
    setTimeout(() => {
      attempt.link.close();
      if (!this.#attempt) this.#shown.set(nothing);
    }, farewell);
  }

  #say(other: RemoteParticipant, name: Signal["name"], text = ""): void {
    const signal: Signal = { name, text };
    // Who is gone needs no answer, and what is lost is tried again with the next attempt.
    this.#room.localParticipant.sendText(JSON.stringify(signal), { topic, destinationIdentities: [other.identity] }).catch(() => undefined);
  }

  #hear(reader: TextStreamReader, identity: string): void {
    this.#queue = this.#queue.then(async () => {
      const signal: unknown = JSON.parse(await reader.readAll());
      const other = this.#other();
      if (this.#over.aborted || other?.identity !== identity || !isSignal(signal)) return;
      await this.#take(other, signal);
    }).catch(() => undefined); // what is malformed is dropped
  }

  async #take(other: RemoteParticipant, { name, text }: Signal): Promise<void> {
    switch (name) {
      case "Ready":
        if (this.#proven.other !== other.sid) this.#proven = { other: other.sid, since: Date.now(), here: false, there: false };
        this.#proven.there = true;
        if (this.#proven.here && text === "") this.#say(other, "Ready", "too"); // who came back has not heard it
        return;
      case "Back":
        if (this.#attempt) this.#goBack(this.#attempt, false);
        return;
      case "VideoOffer":
        if (!this.#proven.here) return;
        this.#attempt ??= this.#connect(other);
        break;
      default:
    }
    await this.#attempt?.link.receive(name, text);
  }
}

/** A direct connection to somebody, and what has come of each track by it. */
interface Attempt {
  other: RemoteParticipant;
  link: PeerLink;
  began: number;
  taken: Map<Role, Taken>;
}

interface Taken {
  /** Whole pictures, or packets of sound. */
  count: number;
  /** When the newest of it was seen. */
  at: number;
  /** Looks in a row at which more of it had come. */
  looks: number;
  /** The publication in whose place it is shown. */
  used?: RemoteTrackPublication | undefined;
}

/** publications are what somebody sends and we get from the server, by what it is. */
function publications(other: RemoteParticipant): Map<Role, RemoteTrackPublication> {
  const all = new Map<Role, RemoteTrackPublication>();
  for (const publication of other.trackPublications.values()) {
    const role = sources[publication.source];
    if (role && !publication.isMuted && publication.track) all.set(role, publication);
  }
  return all;
}

/**
 * serve takes a track from the server in full, or only so much of it that it can take over at once: the smallest layer of
 * a picture, and sound that is not heard.
 */
function serve(publication: RemoteTrackPublication, full: boolean): void {
  if (publication.kind === Track.Kind.Video) publication.setVideoQuality(full ? VideoQuality.HIGH : VideoQuality.LOW);
  else if (publication.track) publication.track.mediaStreamTrack.enabled = full; // iOS has no volume to set
}

/** arrives reports whether everything that somebody sends comes by the server. */
async function arrives(other: RemoteParticipant): Promise<boolean> {
  for (const { track } of publications(other).values()) if ((await countedOf(track)) === 0) return false;
  return true;
}

async function countedOf(track: RemoteTrack | undefined): Promise<number> {
  const report = (await track?.getRTCStatsReport()) as Map<string, Record<string, unknown>> | undefined;
  return Math.max(0, ...[...(report?.values() ?? [])].filter(({ type }) => type === "inbound-rtp").map(countOf));
}

function isSignal(value: unknown): value is Signal {
  if (typeof value !== "object" || value === null) return false;
  const { name, text } = value as Partial<Signal>;
  return typeof name === "string" && signals.includes(name) && typeof text === "string";
}
