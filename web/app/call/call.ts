import { type LocalTrack, Room, RoomEvent, Track } from "livekit-client";
import type { CallStatus, CallView, Controls } from "../controls/action";
import { deviceKindOf, storeDevice } from "../devices/deviceChoice";
import type { CallWithDevices } from "../devices/useDeviceNotices";
import type { Ending } from "../features/ended/ending";
import { type Observable, State } from "../lib/observable";
import { type Preferences, savePreferences } from "../lib/storage";
import { describeMediaError, type LocalMedia } from "../media/localMedia";
import type { DeviceKind } from "../media/mediaProblem";
import { screenShareProblem } from "../media/screenShare";
import { setSpeaker, speakerProblem } from "../media/speaker";
import { Notices } from "../notices/notices";
import { type ServerPath, readServerPath } from "../peer/serverPath";
import { DirectPath } from "./directPath";
import { couldNotJoin, endingOf, leftMeeting, accessErrorText, joinErrorText } from "./ending";
import type { Credentials, RoomAccess } from "./roomAccess";

const sources = { microphone: Track.Source.Microphone, camera: Track.Source.Camera } as const;

/** Call is one person's participation in a meeting, from joining to the end page. It can be joined only once. */
export class Call implements Controls, CallWithDevices {
  readonly room: Room;
  /** The direct path between two participants, used where the server allows it. */
  readonly direct: DirectPath;
  readonly notices = new Notices();
  readonly #status = new State<CallStatus>("joining");
  readonly #view = new State<CallView>({ panel: null, dialog: null });
  readonly #media: LocalMedia;
  readonly #ended = new AbortController();
  readonly #onEnd: (ending: Ending) => void;

  constructor(media: LocalMedia, preferences: Preferences, onEnd: (ending: Ending) => void) {
    this.#media = media;
    this.#onEnd = onEnd;
    this.room = new Room({
      adaptiveStream: true,
      dynacast: true,
      audioCaptureDefaults: deviceConstraint(preferences.microphoneId),
      videoCaptureDefaults: deviceConstraint(preferences.cameraId),
      ...(preferences.speakerId === "" ? {} : { audioOutput: { deviceId: preferences.speakerId } }),
    });
    this.direct = new DirectPath(this.room, this.#ended.signal);
    this.room
      .on(RoomEvent.SignalReconnecting, () => this.#status.set("reconnecting"))
      .on(RoomEvent.Reconnecting, () => this.#status.set("reconnecting"))
      .on(RoomEvent.Reconnected, () => this.#status.set("connected"))
      .on(RoomEvent.MediaDevicesError, (error, kind) => {
        const device = deviceKindOf(kind ?? "audioinput");
        if (device) void this.#reportDeviceError(device, error);
      })
      .on(RoomEvent.Disconnected, (reason) => {
        if (this.#status.value !== "joining") this.#end(endingOf(reason)); // otherwise join reports the reason
      });
  }

  get status(): Observable<CallStatus> {
    return this.#status;
  }

  get view(): Observable<CallView> {
    return this.#view;
  }

  /** join connects to the room under a name and publishes the devices that are on. */
  async join(access: RoomAccess, name: string): Promise<void> {
    let credentials: Credentials;
    try {
      credentials = await access.fetchCredentials(name, this.#ended.signal);
    } catch (error) {
      this.#end(couldNotJoin(accessErrorText(error)));
      return;
    }
    const ending = await this.#connect(credentials);
    if (ending) this.#end(ending);
    if (this.#hasEnded()) return;
    this.#status.set("connected");
    this.#publishPrejoinTracks();
    if (credentials.direct) this.direct.allow(credentials.direct.iceServers);
  }

  /** Connects to the room, or returns the ending that says why that failed. */
  async #connect({ serverUrl, participantToken }: Credentials): Promise<Ending | undefined> {
    // The server may disconnect this client while connect still waits for media. When connect fails, the room emits
    // Disconnected just before connect rejects, so the ending is delayed to let the rejection win.
    const ended = new Promise<Ending>((resolve) => {
      this.room.once(RoomEvent.Disconnected, (reason) => setTimeout(() => resolve(endingOf(reason))));
    });
    const connected = this.room.connect(serverUrl, participantToken).then(() => undefined);
    try {
      return await Promise.race([connected, ended]);
    } catch (error) {
      return this.#hasEnded() ? undefined : couldNotJoin(await joinErrorText(error, serverUrl, participantToken));
    }
  }

  /** leave ends the call. */
  leave(): void {
    this.#end(leftMeeting);
  }

  /** show opens or closes a panel or a dialog. */
  show(change: Partial<CallView>): void {
    this.#view.set({ ...this.#view.value, ...change });
  }

  /** setDevice switches the microphone or the camera on or off and stores the choice. */
  async setDevice(kind: DeviceKind, on: boolean): Promise<void> {
    const me = this.room.localParticipant;
    savePreferences(kind === "microphone" ? { microphone: on } : { camera: on });
    try {
      await (kind === "microphone" ? me.setMicrophoneEnabled(on) : me.setCameraEnabled(on));
    } catch (error) {
      await this.#reportDeviceError(kind, error);
    }
  }

  /** setSharing starts or stops sharing a screen. Dismissing the browser's picker is not an error. */
  async setSharing(on: boolean): Promise<void> {
    try {
      await this.room.localParticipant.setScreenShareEnabled(on, { audio: true, contentHint: "detail", selfBrowserSurface: "exclude" });
    } catch (error) {
      const problem = screenShareProblem(error);
      if (problem !== undefined) this.notices.show(problem);
    }
  }

  /** chooseDevice changes a device and stores the choice. An empty id means the system's default. */
  async chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    const device = deviceKindOf(kind);
    storeDevice(kind, deviceId);
    try {
      await this.room.switchActiveDevice(kind, deviceId === "" ? "default" : deviceId);
      if (!device) await setSpeaker(deviceId);
    } catch (error) {
      if (device) await this.#reportDeviceError(device, error);
      else this.notices.show(speakerProblem);
    }
  }

  /** readPath returns how media reach the server, or undefined if no track is sent or received. */
  readonly readPath = async (): Promise<ServerPath | undefined> => {
    for (const participant of [this.room.localParticipant, ...this.room.remoteParticipants.values()]) {
      for (const { track } of participant.trackPublications.values()) {
        const report = await track?.getRTCStatsReport();
        const path = report && readServerPath(report);
        if (path) return path;
      }
    }
    return undefined;
  };

  /** Shows a notice that says why a device could not be used. */
  async #reportDeviceError(kind: DeviceKind, error: unknown): Promise<void> {
    const { title, text } = await describeMediaError(kind, error);
    this.notices.show(`${title}. ${text}`);
  }

  // Publishes the tracks that were acquired before joining, so that the browser does not ask for permission again. Tracks
  // that arrive later are published when they arrive.
  #publishPrejoinTracks(): void {
    const publishReadyTracks = () => {
      for (const kind of ["microphone", "camera"] as const) {
        const track = this.#media.takeTrack(kind);
        if (track) void this.#publish(kind, track);
      }
    };
    publishReadyTracks();
    const unsubscribe = this.#media.state.subscribe(publishReadyTracks);
    this.#ended.signal.addEventListener("abort", unsubscribe);
  }

  async #publish(kind: DeviceKind, track: LocalTrack): Promise<void> {
    const me = this.room.localParticipant;
    if (this.#hasEnded() || me.getTrackPublication(sources[kind])) {
      track.stop();
      return;
    }
    try {
      await me.publishTrack(track);
    } catch {
      track.stop();
      if (!this.#hasEnded()) this.notices.show(`Your ${kind} could not be turned on. Try again.`);
    }
  }

  #hasEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  #end(ending: Ending): void {
    if (this.#hasEnded()) return;
    this.#ended.abort();
    this.#media.stop();
    void this.room.disconnect();
    this.#onEnd(ending);
  }
}

function deviceConstraint(deviceId: string): { deviceId?: string } {
  return deviceId === "" ? {} : { deviceId };
}
