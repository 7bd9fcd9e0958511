import { deviceKindOf, storeDevice } from "../devices/deviceChoice";
import { type Observable, State } from "../lib/observable";
import { savePreferences } from "../lib/storage";
import type { TrackRole } from "../peer/peerTransport";
import type { LocalMedia } from "../media/localMedia";
import type { DeviceKind } from "../media/mediaProblem";
import { screenShareProblem } from "../media/screenShare";
import { setSpeaker, speakerProblem } from "../media/speaker";
import type { Notices } from "../notices/notices";
import type { PeerState } from "./message";

/** LocalTracks holds the tracks that this page sends in a direct call: microphone, camera and screen. */
export class LocalTracks {
  readonly #media: LocalMedia;
  readonly #notices: Notices;
  readonly #onChange: () => void;
  readonly #state: State<PeerState>;
  readonly #closed = new AbortController();
  #screen: MediaStream | undefined;

  /** onChange is called when tracks or state may have changed. */
  constructor(media: LocalMedia, name: string, notices: Notices, onChange: () => void) {
    this.#media = media;
    this.#notices = notices;
    this.#onChange = onChange;
    this.#state = new State<PeerState>({ name, ...this.#devices() });
    const unsubscribe = media.state.subscribe(() => this.#update());
    this.#closed.signal.addEventListener("abort", unsubscribe);
  }

  /** The state that is sent to the peer. */
  get state(): Observable<PeerState> {
    return this.#state;
  }

  get tracks(): Record<TrackRole, MediaStreamTrack | undefined> {
    return {
      microphone: this.#media.microphone?.mediaStreamTrack,
      camera: this.#media.camera?.mediaStreamTrack,
      screen: this.#screen?.getVideoTracks()[0],
      screenAudio: this.#screen?.getAudioTracks()[0],
    };
  }

  /** setDevice switches the microphone or the camera. A muted microphone stays open, so that unmuting is immediate. */
  async setDevice(kind: DeviceKind, on: boolean): Promise<void> {
    const microphone = this.#media.microphone?.mediaStreamTrack;
    if (kind === "camera" || !microphone) return this.#reportFailure(kind, this.#media.setWanted(kind, on));
    savePreferences({ microphone: on });
    microphone.enabled = on;
    this.#update();
  }

  /** chooseDevice changes a device and stores the choice. An empty id means the system's default. */
  async chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    const device = deviceKindOf(kind);
    if (device) return this.#reportFailure(device, this.#media.chooseDevice(device, deviceId));
    storeDevice(kind, deviceId);
    try {
      await setSpeaker(deviceId);
    } catch {
      this.#notices.show(speakerProblem);
    }
  }

  /** setSharing starts or stops sharing a screen. Dismissing the browser's picker is not an error. */
  async setSharing(on: boolean): Promise<void> {
    if (!on) {
      this.#stopSharing();
      return;
    }
    let screen: MediaStream;
    try {
      screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
    } catch (error) {
      const problem = screenShareProblem(error);
      if (problem !== undefined) this.#notices.show(problem);
      return;
    }
    const [video] = screen.getVideoTracks();
    if (this.#closed.signal.aborted || !video) {
      stopTracks(screen);
      return;
    }
    if (this.#screen) stopTracks(this.#screen);
    this.#screen = screen;
    video.contentHint = "detail";
    video.addEventListener("ended", () => {
      if (this.#screen === screen) this.#stopSharing();
    });
    this.#update();
  }

  /** close stops sharing a screen. The caller must stop the microphone and the camera. */
  close(): void {
    this.#closed.abort();
    this.#stopSharing();
  }

  #stopSharing(): void {
    if (!this.#screen) return;
    stopTracks(this.#screen);
    this.#screen = undefined;
    this.#update();
  }

  #update(): void {
    this.#state.set({ ...this.#state.value, ...this.#devices() });
    this.#onChange();
  }

  #devices(): Omit<PeerState, "name"> {
    const { microphone, camera, screen } = this.tracks;
    return { microphone: microphone?.enabled === true, camera: camera !== undefined, screen: screen !== undefined };
  }

  /** Waits for a change of a device and shows a notice if it failed. */
  async #reportFailure(kind: DeviceKind, change: Promise<void>): Promise<void> {
    await change;
    const { problem } = this.#media.state.value[kind];
    if (problem) this.#notices.show(`${problem.title}. ${problem.text}`);
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
