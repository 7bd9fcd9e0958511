import { type Observable, State } from "../lib/observable";
import { receivedCount, type TransportStats, readStats } from "./transportStats";

/**
 * TrackRole is the source of a track. Each role has a media section of its own in SDP. The first audio section is for the
 * microphone and the second for the screen's audio; the first video section is for the camera and the second for the screen.
 */
export type TrackRole = "microphone" | "camera" | "screen" | "screenAudio";

export type Tracks = Partial<Record<TrackRole, MediaStreamTrack>>;

const roles: readonly TrackRole[] = ["microphone", "camera", "screen", "screenAudio"];
const kinds: Record<TrackRole, "audio" | "video"> = { microphone: "audio", camera: "video", screen: "video", screenAudio: "audio" };

/** connecting: not connected yet. connected: media can flow. interrupted: the connection was lost and may recover. */
export type TransportState = "connecting" | "connected" | "interrupted";

export interface PeerTransportOptions {
  /** Whether this side gives way when both make an offer at the same time. The two sides must differ in this. */
  polite: boolean;
  iceServers: RTCIceServer[];
  send(name: "VideoOffer" | "VideoAnswer" | "IceCandidate", text: string): void;
  /** Called when the data channel is open, so that messages can be sent. */
  onOpen(): void;
  onMessage(message: unknown): void;
  /** Called when the peer has closed the connection. */
  onClosed(): void;
}

/** How long a connection may be disconnected before ICE is restarted, in milliseconds. Many recover by themselves before. */
const restartDelay = 2_500;
/** The time between two readings of the statistics, in milliseconds. */
const statsInterval = 500;
/** The id of the data channel, which both sides create without negotiation (W3C WebRTC, section 6.2). */
const channelId = 0;

/**
 * PeerTransport is the peer connection to the other browser. It uses perfect negotiation (W3C WebRTC, section 10.7), so
 * either side may make an offer at any time.
 */
export class PeerTransport {
  readonly #pc: RTCPeerConnection;
  readonly #options: PeerTransportOptions;
  readonly #local = new Map<TrackRole, MediaStreamTrack>();
  readonly #remote = new State<Tracks>({});
  readonly #state = new State<TransportState>("connecting");
  readonly #stats = new State<TransportStats>({ path: "unknown", remoteLevel: 0, localLevel: 0, quality: "unknown" });
  readonly #closed = new AbortController();
  #channel: RTCDataChannel | undefined;
  #makingOffer = false;
  #ignoringOffer = false;
  #settingAnswer = false;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers });
    const { signal } = this.#closed;
    const on = (event: string, listener: (event: never) => void) => this.#pc.addEventListener(event, listener as EventListener, { signal });
    on("negotiationneeded", () => void this.#makeOffer());
    on("icecandidate", ({ candidate }: RTCPeerConnectionIceEvent) => {
      if (candidate && candidate.candidate !== "") options.send("IceCandidate", JSON.stringify(candidate.toJSON()));
    });
    on("connectionstatechange", () => this.#onConnectionState());
    on("track", () => this.#updateRemoteTracks());
    window.addEventListener("online", () => this.restartIce(), { signal });
    const timer = setInterval(() => void this.#readStats(), statsInterval);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  get state(): Observable<TransportState> {
    return this.#state;
  }

  /** The peer's tracks by role. A track is present as soon as its media section is, even if nothing is sent on it. */
  get remote(): Observable<Tracks> {
    return this.#remote;
  }

  get stats(): Observable<TransportStats> {
    return this.#stats;
  }

  /**
   * The origin in the peer's session description (RFC 8866, section 5.2). An offer with another origin is from another
   * connection.
   */
  get remoteOrigin(): string | undefined {
    const sdp = this.#pc.remoteDescription?.sdp;
    return sdp === undefined ? undefined : sessionOrigin(sdp);
  }

  /** startOffer makes the first offer. */
  startOffer(): void {
    this.#openChannel();
    for (const role of roles) this.#senderFor(role);
  }

  /** setTrack sends a track in a role. null stops sending in that role. */
  setTrack(role: TrackRole, track: MediaStreamTrack | null): void {
    if (track === (this.#local.get(role) ?? null)) return;
    if (track === null) this.#local.delete(role);
    else this.#local.set(role, track);
    // Before the first description, media sections are created by startOffer or by the peer's offer.
    if (this.#pc.remoteDescription === null && this.#pc.getTransceivers().length === 0) return;
    void this.#senderFor(role).replaceTrack(track).catch(() => undefined); // rejects only on a closed connection
  }

  /** sendMessage sends a message as JSON on the data channel. It returns false if the channel is not open. */
  sendMessage(message: unknown): boolean {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  /** handleSignal applies a signal that the peer's transport has sent. Await it before the next call. */
  async handleSignal(name: string, text: string): Promise<void> {
    if (this.#closed.signal.aborted) return;
    if (name === "IceCandidate") return this.#addCandidate(text);
    const type = name === "VideoOffer" ? "offer" : "answer";
    const canApply = !this.#makingOffer && (this.#pc.signalingState === "stable" || this.#settingAnswer);
    const collision = type === "offer" && !canApply;
    this.#ignoringOffer = !this.#options.polite && collision;
    if (this.#ignoringOffer) return;
    this.#settingAnswer = type === "answer";
    const sdp = sdpOf(text);
    await this.#pc.setRemoteDescription({ type, sdp });
    this.#settingAnswer = false;
    if (type === "answer") return;
    if (/^m=application /m.test(sdp)) this.#openChannel();
    this.#attachLocalTracks();
    await this.#pc.setLocalDescription();
    this.#sendDescription();
  }

  /** receivedCounts returns the number of video frames or audio packets received so far in each role. */
  async receivedCounts(): Promise<Partial<Record<TrackRole, number>>> {
    const counts: Partial<Record<TrackRole, number>> = {};
    const mids = new Map(roles.map((role) => [this.#transceiverFor(role)?.mid, role]));
    for (const entry of (await this.#pc.getStats() as unknown as Map<string, Record<string, unknown>>).values()) {
      const role = entry.type === "inbound-rtp" ? mids.get(entry.mid as string) : undefined;
      if (role) counts[role] = receivedCount(entry);
    }
    return counts;
  }

  /** restartIce gathers new candidates (RFC 8839, section 4.4.1.1.1), as after a change of network. */
  restartIce(): void {
    if (this.#closed.signal.aborted || this.#pc.remoteDescription === null) return;
    this.#pc.restartIce();
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#restartTimer);
    this.#pc.close();
  }

  async #makeOffer(): Promise<void> {
    try {
      this.#makingOffer = true;
      await this.#pc.setLocalDescription();
      this.#sendDescription();
    } catch {
      // The connection was closed, or the peer's offer came first and the answer to it negotiates the changes.
    } finally {
      this.#makingOffer = false;
    }
  }

  #sendDescription(): void {
    const description = this.#pc.localDescription;
    if (description) this.#options.send(description.type === "offer" ? "VideoOffer" : "VideoAnswer", description.sdp);
  }

  async #addCandidate(text: string): Promise<void> {
    try {
      await this.#pc.addIceCandidate(JSON.parse(text) as RTCIceCandidateInit);
    } catch {
      // The candidate belongs to an ignored offer, or this browser does not support it. Other candidates may still work.
    }
  }

  #openChannel(): void {
    if (this.#channel) return;
    const channel = this.#pc.createDataChannel("meet", { negotiated: true, id: channelId });
    this.#channel = channel;
    const { signal } = this.#closed;
    channel.addEventListener("open", () => this.#options.onOpen(), { signal });
    channel.addEventListener("close", () => this.#options.onClosed(), { signal });
    channel.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== "string") return;
      try {
        this.#options.onMessage(JSON.parse(data));
      } catch {
        // Malformed messages are dropped.
      }
    }, { signal });
  }

  /** Sends the local tracks on the media sections of the peer's offer. */
  #attachLocalTracks(): void {
    for (const role of roles) {
      const transceiver = this.#transceiverFor(role);
      if (!transceiver) continue;
      transceiver.direction = "sendrecv";
      void transceiver.sender.replaceTrack(this.#local.get(role) ?? null).catch(() => undefined);
    }
    this.#updateRemoteTracks();
  }

  #senderFor(role: TrackRole): RTCRtpSender {
    const existing = this.#transceiverFor(role);
    if (existing) return existing.sender;
    const track = this.#local.get(role) ?? kinds[role];
    return this.#pc.addTransceiver(track, { direction: "sendrecv" }).sender;
  }

  #transceiverFor(role: TrackRole): RTCRtpTransceiver | undefined {
    const index = roles.slice(0, roles.indexOf(role)).filter((other) => kinds[other] === kinds[role]).length;
    return this.#pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === kinds[role])[index];
  }

  #updateRemoteTracks(): void {
    const remote: Tracks = {};
    for (const role of roles) {
      const transceiver = this.#transceiverFor(role);
      if (transceiver) remote[role] = transceiver.receiver.track;
    }
    this.#remote.set(remote);
  }

  #onConnectionState(): void {
    clearTimeout(this.#restartTimer);
    switch (this.#pc.connectionState) {
      case "connected":
        this.#state.set("connected");
        break;
      case "failed":
        if (this.#state.value === "connected") this.#state.set("interrupted");
        this.restartIce();
        break;
      case "disconnected":
        this.#state.set("interrupted");
        this.#restartTimer = setTimeout(() => this.restartIce(), restartDelay);
        break;
      default:
    }
  }

  async #readStats(): Promise<void> {
    if (this.#state.value === "connecting") return;
    const stats = readStats(await this.#pc.getStats(), this.#stats.value);
    if (!this.#closed.signal.aborted) this.#stats.set(stats);
  }
}

/** sessionOrigin returns user name and session id in the o= line of a session description (RFC 8866, section 5.2). */
export function sessionOrigin(text: string): string {
  const [, user, id] = /^o=(\S+) (\S+) /m.exec(sdpOf(text)) ?? [];
  return `${user} ${id}`;
}

/**
 * sdpOf returns the SDP in a description signal. Some clients send the SDP alone, others the browser's JSON of the
 * description.
 */
function sdpOf(text: string): string {
  if (!text.startsWith("{")) return text;
  try {
    return (JSON.parse(text) as { sdp?: string }).sdp ?? "";
  } catch {
    return text;
  }
}
