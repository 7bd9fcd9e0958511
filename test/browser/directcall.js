// Helpers for tests of direct calls and of the direct path in meetings.
import { expect } from './meet.js';

/** Opens a new session and returns its id and link. */
export async function startDirectCall(person, server) {
  await person.page.goto(`${server.url}/direct`);
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(person.name);
  await person.page.getByRole('button', { name: 'Start a direct call' }).click();
  const status = person.page.locator('[role=status][data-session]');
  await expect(status).toHaveAttribute('data-session', /^[a-z2-7]{16}$/);
  const id = await status.getAttribute('data-session');
  await expect(person.page).toHaveURL(`${server.url}/direct/${id}`);
  return { id, link: `${server.url}/direct/${id}` };
}

/** Joins the direct call of a link. */
export async function joinDirectCall(person, link) {
  await person.page.goto(link);
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(person.name);
  await person.page.getByRole('button', { name: 'Join session' }).click();
}

/** The label with the status or media path of a direct call. Its data-session is the session id. */
export const callStatus = (person) => person.page.locator('[role=status][data-session]');

/** The label whose data-path says how media travel: direct, relayed or server. */
export const mediaPath = (person) => person.page.locator('.media-path');
