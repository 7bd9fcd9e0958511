import {
  createLocalTracks,
  LocalAudioTrack,
  type LocalTrack,
  LocalVideoTrack,
  Track,
  TrackEvent,
} from "livekit-client";
import { type Observable, State } from "../lib/observable";
import { loadPreferences, savePreferences, type Preferences } from "../lib/storage";
import { mediaProblem, type DeviceKind, type MediaContext, type MediaProblem } from "./mediaProblem";

/** DeviceState is the state of the microphone or the camera before a call. */
export interface DeviceState {
  /** Whether the person has switched the device on. */
  wanted: boolean;
  phase: "off" | "asking" | "on" | "failed";
  problem: MediaProblem | null;
  deviceId: string;
}

export interface LocalMediaState {
  microphone: DeviceState;
  camera: DeviceState;
}

type Tracks = { microphone?: LocalAudioTrack | undefined; camera?: LocalVideoTrack | undefined };

const kinds = ["microphone", "camera"] as const;
const permissionNames = { microphone: "microphone", camera: "camera" } as const;

/**
 * LocalMedia holds the tracks of the microphone and the camera from when the page opens until the call takes them, so that
 * the browser asks for permission only once. If one device fails, the other still works.
 */
export class LocalMedia {
  readonly #state: State<LocalMediaState>;
  readonly #tracks: Tracks = {};
  readonly #stopped = new AbortController();

  constructor(preferences: Pick<Preferences, "microphone" | "camera" | "microphoneId" | "cameraId">) {
    const device = (wanted: boolean, deviceId: string): DeviceState => ({ wanted, phase: "off", problem: null, deviceId });
    this.#state = new State({
      microphone: device(preferences.microphone, preferences.microphoneId),
      camera: device(preferences.camera, preferences.cameraId),
    });
  }

  get state(): Observable<LocalMediaState> {
    return this.#state;
  }

  get microphone(): LocalAudioTrack | undefined {
    return this.#tracks.microphone;
  }

  get camera(): LocalVideoTrack | undefined {
    return this.#tracks.camera;
  }

  /** start requests the devices that are switched on, both with one permission prompt if possible. */
  async start(): Promise<void> {
    this.#watchPermissions();
    const wanted = kinds.filter((kind) => this.#state.value[kind].wanted);
    if (wanted.length < 2) {
      for (const kind of wanted) await this.#acquire(kind);
      return;
    }
    for (const kind of kinds) this.#update(kind, { phase: "asking", problem: null });
    const requested = this.#state.value;
    try {
      this.#addTracks(await createLocalTracks({ audio: deviceConstraint(requested.microphone), video: deviceConstraint(requested.camera) }), requested);
    } catch (error) {
      await this.#startSeparately(error);
    }
  }

  /** setWanted switches a device on or off and stores the choice. */
  async setWanted(kind: DeviceKind, wanted: boolean): Promise<void> {
    savePreferences(kind === "microphone" ? { microphone: wanted } : { camera: wanted });
    this.#update(kind, { wanted });
    if (wanted) return this.#acquire(kind);
    this.#stopTrack(kind);
    this.#update(kind, { phase: "off", problem: null });
  }

  /** chooseDevice changes to another device and stores the choice. An empty id means the system's default. */
  async chooseDevice(kind: DeviceKind, deviceId: string): Promise<void> {
    savePreferences(kind === "microphone" ? { microphoneId: deviceId } : { cameraId: deviceId });
    this.#update(kind, { deviceId });
    if (!this.#state.value[kind].wanted) return;
    this.#stopTrack(kind);
    await this.#acquire(kind);
  }

  /** takeTrack removes a track and returns it. The caller must stop it. */
  takeTrack(kind: DeviceKind): LocalTrack | undefined {
    const track = this.#tracks[kind];
    track?.off(TrackEvent.Ended, this.#onEnded[kind]);
    this.#tracks[kind] = undefined;
    return track;
  }

  /** clone returns a LocalMedia with clones of the tracks that are on. Stopping one does not stop the other. */
  clone(): LocalMedia {
    const { microphone, camera } = this.#tracks;
    const unmuted = microphone?.mediaStreamTrack.enabled === true ? microphone : undefined;
    const state = this.#state.value;
    const clone = new LocalMedia({
      microphone: unmuted !== undefined,
      camera: camera !== undefined,
      microphoneId: state.microphone.deviceId,
      cameraId: state.camera.deviceId,
    });
    const tracks: LocalTrack[] = [];
    if (unmuted) tracks.push(new LocalAudioTrack(unmuted.mediaStreamTrack.clone(), unmuted.constraints, false));
    if (camera) tracks.push(new LocalVideoTrack(camera.mediaStreamTrack.clone(), camera.constraints, false));
    for (const track of tracks) track.source = track instanceof LocalAudioTrack ? Track.Source.Microphone : Track.Source.Camera;
    clone.#addTracks(tracks, clone.#state.value);
    return clone;
  }

  /** stop stops the tracks that were not taken. After it no device can be acquired. */
  stop(): void {
    this.#stopped.abort();
    for (const kind of kinds) this.#stopTrack(kind);
  }

  async #acquire(kind: DeviceKind): Promise<void> {
    if (this.#tracks[kind]) return;
    this.#update(kind, { phase: "asking", problem: null });
    const requested = this.#state.value;
    try {
      const wanted = deviceConstraint(requested[kind]);
      this.#addTracks(await createLocalTracks(kind === "microphone" ? { audio: wanted } : { video: wanted }), requested);
    } catch (error) {
      this.#fail(kind, error, await permissionOf(kind));
    }
  }

  // Requests each device alone after the request for both has failed. If permission was refused, only devices with a granted
  // permission are requested again, so that the browser does not show another prompt.
  async #startSeparately(error: unknown): Promise<void> {
    const refused = error instanceof DOMException && error.name === "NotAllowedError";
    for (const kind of kinds) {
      const permission = await permissionOf(kind);
      if (refused && permission !== "granted") this.#fail(kind, error, permission);
      else await this.#acquire(kind);
    }
  }

  #addTracks(tracks: LocalTrack[], requested: LocalMediaState): void {
    for (const track of tracks) {
      const kind = track instanceof LocalAudioTrack ? "microphone" : "camera";
      const device = this.#state.value[kind];
      // The person may have left or switched the device off while the browser asked for permission.
      const current = device.wanted && device.deviceId === requested[kind].deviceId && !this.#tracks[kind];
      if (this.#stopped.signal.aborted || !current) {
        track.stop();
        continue;
      }
      if (track instanceof LocalAudioTrack) this.#tracks.microphone = track;
      else if (track instanceof LocalVideoTrack) this.#tracks.camera = track;
      track.on(TrackEvent.Ended, this.#onEnded[kind]);
      this.#update(kind, { phase: "on", problem: null });
    }
  }

  #fail(kind: DeviceKind, error: unknown, permission: PermissionState | undefined): void {
    const context: MediaContext = { permission, secure: isSecure(), withheld: isWithheld(kind) };
    if (!this.#state.value[kind].wanted) return;
    this.#update(kind, { phase: "failed", problem: mediaProblem(kind, error, context) });
  }

  #stopTrack(kind: DeviceKind): void {
    this.takeTrack(kind)?.stop();
  }

  // When a device is unplugged, another one of the kind is acquired, or the problem is shown.
  readonly #onEnded: Record<DeviceKind, () => void> = {
    microphone: () => this.#replace("microphone"),
    camera: () => this.#replace("camera"),
  };

  #replace(kind: DeviceKind): void {
    this.#stopTrack(kind);
    void this.#acquire(kind);
  }

  #update(kind: DeviceKind, change: Partial<DeviceState>): void {
    const state = this.#state.value;
    this.#state.set({ ...state, [kind]: { ...state[kind], ...change } });
  }

  // Acquires a device again when it is allowed in the browser's settings, so that no reload is needed.
  #watchPermissions(): void {
    for (const kind of kinds) {
      void queryPermission(kind).then((status) => {
        status?.addEventListener(
          "change",
          () => {
            const { phase, wanted } = this.#state.value[kind];
            if (status.state === "granted" && wanted && phase === "failed") void this.#acquire(kind);
          },
          { signal: this.#stopped.signal },
        );
      });
    }
  }
}

/** startMedia requests the devices that were switched on the last time. */
export function startMedia(): LocalMedia {
  const media = new LocalMedia(loadPreferences());
  void media.start();
  return media;
}

/** describeMediaError returns the explanation of an error with a device during a call. */
export async function describeMediaError(kind: DeviceKind, error: unknown): Promise<MediaProblem> {
  return mediaProblem(kind, error, {
    permission: await permissionOf(kind),
    secure: isSecure(),
    withheld: isWithheld(kind),
  });
}

function deviceConstraint(device: DeviceState): { deviceId?: string } {
  return device.deviceId === "" ? {} : { deviceId: device.deviceId };
}

function isSecure(): boolean {
  return "mediaDevices" in navigator;
}

/** isWithheld reports whether the page is in a frame whose permissions policy forbids the device. */
function isWithheld(kind: DeviceKind): boolean {
  const policy = (document as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
  return window.self !== window.top && policy?.allowsFeature(kind) === false;
}

/** permissionOf returns the permission for a device, or undefined in browsers that do not report it. */
export async function permissionOf(kind: DeviceKind): Promise<PermissionState | undefined> {
  return (await queryPermission(kind))?.state;
}

// Returns undefined in browsers that do not report permissions for devices. Some of them throw.
async function queryPermission(kind: DeviceKind): Promise<PermissionStatus | undefined> {
  try {
    return await navigator.permissions.query({ name: permissionNames[kind] });
  } catch {
    return undefined;
  }
}
