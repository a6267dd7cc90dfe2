// Everything is done without a mouse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emailOf, env, failedWrite, newPage, statusOf, until } from '../world.js';

test('sign-in, search, rows, retry and all views, by keys alone', async (t) => {
  const { jobId } = await failedWrite();
  const page = await newPage(t);
  const keys = page.keyboard;
  await page.goto('/');
  await page.getByLabel('Password').waitFor();
  await tabTo(page, 'E-mail');
  await keys.type(emailOf('editor'));
  await keys.press('Tab');
  await keys.type(env('DEMO_PASSWORD'));
  await keys.press('Enter');
  await heading(page, 'Overview').waitFor();

  for (const [key, name] of [
    ['d', 'Deliveries'],
    ['e', 'Errors'],
    ['c', 'Connections'],
    ['s', 'Service'],
    ['o', 'Overview'],
    ['j', 'Jobs'],
  ]) {
    await keys.press('g');
    await keys.press(key);
    await heading(page, name).waitFor();
    await until(`${name} has the focus`, () => page.evaluate(() => document.activeElement?.id === 'heading'));
  }

  await keys.press('/');
  await keys.type('status:failed workflow:xero-invoice-to-hubspot');
  await keys.press('Enter');
  await page.waitForURL(/status=FAILED/);
  await keys.press('Escape');
  const first = page.getByRole('row').filter({ has: page.getByRole('cell') }).first();
  await first.getByText('Failed').waitFor();
  await keys.press('j');
  await until('the first row has the focus', () => page.evaluate(() => document.activeElement?.closest('tr') !== null));
  await keys.press('Enter');
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/);

  const opened = page.url().split('/').at(-1);
  assert.equal(opened, jobId, 'the newest failed job is on top');
  await heading(page, /./).getByText('Failed').waitFor();
  await keys.press('r');
  const dialog = page.getByRole('dialog', { name: 'Retry this job?' });
  await dialog.waitFor();
  await tabTo(page, 'Retry');
  await keys.press('Enter');
  await until('the job has completed', async () => (await statusOf(jobId)) === 'COMPLETED');

  await keys.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await keys.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

function heading(page, name) {
  return page.getByRole('heading', { level: 1, name });
}

/** Presses Tab until what has the focus is called so. */
async function tabTo(page, name) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const focused = document.activeElement;
      const label = focused?.labels?.[0]?.innerText ?? focused?.getAttribute('aria-label') ?? focused?.innerText;
      return label?.trim();
    });
    if (found === name) return;
  }
  assert.fail(`forty presses of Tab do not reach ${name}`);
}
