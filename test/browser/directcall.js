// What tests of direct calls share.
import { expect } from './meet.js';

/** Opens a session and gives its link. */
export async function open(person, server) {
  await person.page.goto(`${server.url}/direct`);
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(person.name);
  await person.page.getByRole('button', { name: 'Start a direct call' }).click();
  const status = person.page.locator('[role=status][data-session]');
  await expect(status).toHaveAttribute('data-session', /^[a-z2-7]{16}$/);
  const id = await status.getAttribute('data-session');
  await expect(person.page).toHaveURL(`${server.url}/direct/${id}`);
  return { id, link: `${server.url}/direct/${id}` };
}

/** Follows the link into the call. */
export async function follow(person, link) {
  await person.page.goto(link);
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(person.name);
  await person.page.getByRole('button', { name: 'Join session' }).click();
}

/** Says in words which way the media go, and in data-session which call it is. */
export const path = (person) => person.page.locator('[role=status][data-session]');

/** Says in a meeting of two whether the media go past the server. */
export const mark = (person) => person.page.locator('.path-mark');
