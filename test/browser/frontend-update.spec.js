// An update of the front end during a meeting, on a site with a base path.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, serverWith, test as base } from './meet.js';

const test = base.extend({ server: serverWith('--base-path', '/meet') });

/** Publishes the committed build, with changed scripts for all pages, on a web server of its own. */
async function publish(mark) {
  const folder = mkdtempSync(join(tmpdir(), 'meet-build-'));
  cpSync(fileURLToPath(new URL('../../web/static', import.meta.url)), folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  for (const [page, entry] of Object.entries(manifest.entries)) {
    const script = Buffer.from(`${readFileSync(join(folder, entry.script), 'utf8')}\n// ${mark}`);
    entry.script = `assets/${page}-${mark}.js`;
    writeFileSync(join(folder, entry.script), script);
    manifest.files.push({ path: entry.script, size: script.length, sha256: createHash('sha256').update(script).digest('hex') });
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(folder, new URL(request.url, 'http://x').pathname)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Returns the addresses of the scripts and styles that the page has loaded. */
const files = (person) =>
  person.page.evaluate(() => performance.getEntriesByType('resource').map((e) => e.name).filter((name) => name.includes('/static/')));

test('a call continues during an update of the front end, and later participants get the new one', async ({ person, server }) => {
  const site = `${server.url}/meet`;
  const update = (...args) =>
    promisify(execFile)(server.binary, ['update-templates', '--data-dir', join(server.folder, 'data'), ...args], { cwd: server.folder });

  const ada = await person('Ada');
  await ada.page.goto(`${site}/`);
  await ada.page.getByRole('button', { name: 'New meeting' }).click();
  await expect(ada.page).toHaveURL(/\/meet\/rooms\/[a-z]{3}-[a-z]{4}-[a-z]{3}$/);
  const link = ada.page.url();
  await ada.join(link);
  const first = await files(ada);
  expect(first.length).toBeGreaterThan(3);

  const fresh = await publish('fresh');
  expect((await update('--frontend-url', fresh.url)).stdout).toContain('is in use');
  fresh.close();

  const bo = await person('Bo');
  await bo.join(link);
  expect((await files(bo)).filter((name) => name.endsWith('/meet/static/assets/room-fresh.js'))).toHaveLength(1);
  await Promise.all([ada.sees('Bo'), bo.sees('Ada'), ada.hears(), bo.hears()]);

  await test.step('the old page works and its files are still served', async () => {
    await ada.toggle('Chat').click();
    await ada.page.getByRole('textbox', { name: 'Message' }).fill('still here');
    await ada.page.getByRole('button', { name: 'Send' }).click();
    await bo.toggle('Chat').click();
    await expect(bo.page.getByRole('log', { name: 'Messages' })).toContainText('still here');
    for (const name of first) expect((await fetch(name)).status, name).toBe(200);
  });

  await test.step('both builds are served after a restart', async () => {
    await server.end();
    await server.run();
    for (const name of first) expect((await fetch(name)).status, name).toBe(200);
    await ada.page.goto(link);
    expect((await files(ada)).some((name) => name.endsWith('/room-fresh.js'))).toBe(true);
    await ada.join(link);
  });

  await test.step('the lobby shows the open room under the base path', async () => {
    const cy = await person('Cy');
    await cy.page.goto(site);
    const room = cy.page.getByRole('region', { name: 'Live now' }).getByRole('link', { name: link.split('/').pop() });
    await expect(room).toHaveAttribute('href', new URL(link).pathname);
    await ada.toggle('Leave').click();
    await ada.page.getByRole('button', { name: 'Back to lobby' }).click();
    await expect(ada.page).toHaveURL(`${site}/`);
    await cy.page.getByRole('textbox', { name: 'Meeting code or link' }).fill(link);
    await cy.page.getByRole('button', { name: 'Join', exact: true }).click();
    await expect(cy.page).toHaveURL(link);
  });

  await test.step('a rollback restores the previous build', async () => {
    expect((await update('--rollback')).stdout).toContain('is in use');
    await ada.page.goto(link);
    expect((await files(ada)).some((name) => name.endsWith('/room-fresh.js'))).toBe(false);
    await ada.join(link);
  });
});
