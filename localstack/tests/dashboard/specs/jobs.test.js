// What happened to this invoice: seen as it happens, found again, and followed to the last step.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { badge, deliver, env, failedSweep, pageOf, seedPaidInvoice, settled, slowDown, statusOf, sweep, until } from '../world.js';

test('a job appears and finishes while somebody watches the list', async (t) => {
  const page = await pageOf(t, 'viewer', '/jobs');
  await badge(page, 'Live').waitFor();
  await page.getByRole('table', { name: 'Jobs' }).waitFor();
  const before = await page.getByRole('row').count();
  const invoice = await seedPaidInvoice();
  await slowDown('hubspot', 'PATCH', 4);
  await deliver(invoice.id);

  // Rows do not jump: the new one is announced, and comes when it is asked for.
  const pill = page.getByRole('button', { name: /\d+ new/ });
  await pill.waitFor();
  assert.equal(await page.getByRole('row').count(), before);
  await pill.click();
  const row = page.getByRole('row').filter({ hasText: invoice.number });
  await row.getByText('Running').waitFor();
  await row.getByText('Completed').waitFor();
});

test('a job that is looked at goes on by itself, to the write in HubSpot', async (t) => {
  const invoice = await seedPaidInvoice();
  const page = await pageOf(t, 'viewer', '/jobs');
  await badge(page, 'Live').waitFor();
  await slowDown('hubspot', 'PATCH', 4);
  await deliver(invoice.id);
  await page.getByRole('button', { name: /\d+ new/ }).click();
  await page.getByRole('row').filter({ hasText: invoice.number }).getByRole('link').click();
  await page.getByRole('heading', { level: 1 }).getByText('Running').waitFor();
  await page.getByRole('heading', { level: 1 }).getByText('Completed').waitFor();
  await page.getByRole('region', { name: 'Effects' }).getByText('HubSpot').first().waitFor();
});

test('filters narrow the list, stand in the address, and go by their chips', async (t) => {
  await failedSweep('FILTERED', 'The exchange is closed.');
  const page = await pageOf(t, 'viewer', '/jobs');
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: 'Failed' }).click();
  await page.getByLabel('Workflow').selectOption('trading-sweep');
  await page.waitForURL(/status=FAILED.*workflow=trading-sweep/);
  await settled(page);
  const rows = page.getByRole('row').filter({ has: page.getByRole('cell') });
  await until('only failed sweeps are listed', async () => {
    const texts = await rows.allInnerTexts();
    return texts.length > 0 && texts.every((text) => /Failed/.test(text) && /trading-sweep/.test(text));
  });
  await page.getByRole('button', { name: 'Remove filter status Failed' }).click();
  await page.getByRole('button', { name: /Remove filter workflow/ }).click();
  await page.waitForURL(`${env('APP_URL')}/jobs`);
  await rows.filter({ hasText: 'Completed' }).first().waitFor();
});

test('a search finds the one job about an invoice and says how far it looked', async (t) => {
  const invoice = await seedPaidInvoice();
  await deliver(invoice.id);
  const page = await pageOf(t, 'viewer', '/jobs');
  await page.getByRole('row').filter({ hasText: invoice.number }).waitFor();
  const box = page.getByRole('combobox', { name: 'Search jobs' });
  await box.fill('rec');
  await page.getByRole('option', { name: /record:/ }).waitFor();
  await box.fill(`record:${invoice.number}`);
  await box.press('Enter');
  const rows = page.getByRole('row').filter({ has: page.getByRole('cell') });
  await until('one job is listed', async () => (await rows.count()) === 1);
  await rows.getByText(invoice.number).waitFor();

  await page.getByRole('button', { name: 'Clear all' }).click();
  await box.fill('sweep exchange');
  await box.press('Enter');
  await page.getByText(/The words were looked for in/).waitFor();
});

test('a delivery leads to its job, the job to its steps, and each back again', async (t) => {
  const page = await pageOf(t, 'viewer', '/deliveries');
  await page.getByRole('row').filter({ hasText: 'Xero' }).first().getByRole('link').first().click();
  await page.getByText(/signature/i).first().waitFor();
  await page.getByRole('main').getByRole('link', { name: /INV-/ }).first().click();
  await page.getByRole('region', { name: 'Steps' }).getByRole('link').first().click();
  await page.getByRole('region', { name: 'Attempts' }).getByText('Attempt 1').waitFor();

  const crumbs = page.getByRole('navigation', { name: 'Breadcrumb' });
  await crumbs.getByRole('link', { name: /INV-/ }).click();
  await page.getByRole('region', { name: 'Steps' }).waitFor();
  await crumbs.getByRole('link', { name: /^Xero/ }).click();
  await page.waitForURL(/\/deliveries\/[0-9a-f-]{36}/);
  await crumbs.getByRole('link', { name: 'Deliveries' }).click();
  await page.waitForURL(/\/deliveries$/);
});

test('the result of a job is looked into and downloaded', async (t) => {
  const id = await sweep('BTC-USD');
  await until('the sweep is done', async () => (await statusOf(id)) === 'COMPLETED');
  const page = await pageOf(t, 'viewer', `/jobs/${id}`);
  const results = page.getByRole('region', { name: 'Results' });
  await results.getByRole('button', { name: /^Preview/ }).first().click();
  await results.getByRole('region').first().waitFor();

  // A file that says that it is one is saved, any other is shown in a tab of its own.
  const link = results.getByRole('link', { name: /^Download/ }).first();
  const saved = page.waitForEvent('download').then((download) => download.path()).then((path) => readFile(path, 'utf8'));
  const shown = page.waitForEvent('popup').then(async (tab) => {
    await tab.waitForLoadState();
    return tab.locator('body').innerText();
  });
  const none = new Promise(() => {});
  const first = Promise.race([saved.catch(() => none), shown.catch(() => none)]);
  await link.click();
  assert.match(await first, /BTC-USD/);
});

test('the overview counts what happened and leads to it', async (t) => {
  const page = await pageOf(t, 'viewer');
  const numbers = page.getByRole('list', { name: 'Numbers of now' });
  await numbers.getByRole('link', { name: /Completed today/ }).click();
  await page.waitForURL(/\/jobs\?.*status=COMPLETED/);
  await page.getByRole('row').filter({ hasText: 'Completed' }).first().waitFor();
});
