import { vi } from "vitest";
import type { LocalMedia } from "../media/localMedia";
import { DirectCall, type Outcome } from "./directCall";
import { FakeLink, FakeMedia, FakeSignalling } from "./fakes";

export const settled = () => vi.advanceTimersByTimeAsync(0);

/** A call that nothing has been heard of yet: one that opens a session, or joins the one of that id. */
export function begun(session = "", media = new FakeMedia()) {
  const outcomes: Outcome[] = [];
  const call = new DirectCall(media as unknown as LocalMedia, "Ada", session, (outcome) => outcomes.push(outcome));
  const server = FakeSignalling.last;
  /** The server says this, and the call has dealt with it. */
  const hear = async (name: string, ...texts: string[]) => {
    server.hear({ name, texts });
    await settled();
  };
  const notices = () => call.notices.items.value.map(({ text }) => text);
  return { call, media, outcomes, server, hear, notices };
}

/** A call that was opened here, in which nobody else is yet. */
export async function waiting(media?: FakeMedia) {
  const call = begun("", media);
  await call.hear("NewUser", "me");
  await call.hear("SessionReady", "id");
  return call;
}

/** A call that the other has joined, and that is connected. */
export async function live(media?: FakeMedia) {
  const call = await waiting(media);
  await call.hear("SessionJoinSuccess", "id");
  await call.hear("VideoOffer", "offer", "id");
  const link = FakeLink.last;
  link.state.set("live");
  link.options.onOpen();
  link.options.onMessage({ state: { name: "Bo", microphone: true, camera: true, screen: false } });
  return { ...call, link };
}
