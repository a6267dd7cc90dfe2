// Text from outside is text: it runs nothing, hides nothing and breaks no layout.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliver, failedSweep, pageOf, picture, seedPaidInvoice, settled } from '../world.js';

const HTML = `<img src=x onerror="window.wasRun=1"><script>window.wasRun=1</script><a href="javascript:window.wasRun=1">a</a>`;
/** A bell, an escape sequence, text turned around, and letters that cannot be seen. */
const CONTROLS = 'a\u0007b\u001b[31mc\u202edcba\u200b\ufeffe';
const HUGE = 'M'.repeat(1_000_000);

test('HTML and control characters in an invoice are shown as they are', async (t) => {
  const invoice = await seedPaidInvoice({ InvoiceNumber: `${HTML}${CONTROLS}` });
  await deliver(invoice.id);
  const page = await pageOf(t, 'viewer', '/jobs');
  const row = page.getByRole('row').filter({ hasText: '<img src=x onerror="window.wasRun=1">' });
  await row.first().waitFor();
  await assertHarmless(page, 'hostile list');
  await row.first().getByRole('link').first().click();
  await page.getByRole('region', { name: 'Steps' }).waitFor();
  await assertHarmless(page, 'hostile job');
});

test('a hostile error is shown as it is, in the list, on its own and among the errors', async (t) => {
  const id = await failedSweep('HOSTILE', `${HTML} ${CONTROLS} ${'long'.repeat(2_000)}`);
  const page = await pageOf(t, 'viewer', `/jobs/${id}`);
  await page.getByText('<script>window.wasRun=1</script>').first().waitFor();
  assert.match(await page.getByLabel('Error', { exact: true }).first().innerText(), /⟨U\+202E⟩/, 'what turns text around can be seen');
  await assertHarmless(page, 'hostile error');
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Errors' }).click();
  // What differs from error to error is left out there.
  await page.getByText('<img src=x').first().waitFor();
  await assertHarmless(page, 'hostile errors');
});

test('a delivery with strings of a megabyte is shown without the page giving way', async (t) => {
  const invoice = await seedPaidInvoice();
  await deliver(invoice.id, { note: HUGE, [`${HTML}${CONTROLS}`]: HTML });
  const page = await pageOf(t, 'viewer', '/deliveries', { viewport: { width: 360, height: 780 } });
  await page.getByRole('row').filter({ hasText: 'Xero' }).first().getByRole('link').first().click();
  const body = page.getByRole('region', { name: 'Body' }).first();
  await body.getByText('MMMM').first().waitFor();
  await assertHarmless(page, 'huge delivery');
  await body.getByRole('button', { name: /^Show all/ }).first().click();
  await assertHarmless(page, 'huge delivery, all of it');
});

test('an address full of nonsense finds nothing and runs nothing', async (t) => {
  const page = await pageOf(t, 'viewer', `/jobs?q=${encodeURIComponent(HTML)}&status=%00&columns=${encodeURIComponent(HTML)}`);
  await page.getByText('No job is like that.').waitFor();
  await assertHarmless(page, 'hostile address');
});

async function assertHarmless(page, name) {
  await settled(page);
  await page.screenshot({ path: picture(name) });
  assert.equal(await page.evaluate(() => window.wasRun), undefined, 'nothing has run');
  assert.equal(await page.locator('main img, main script, main a[href^="javascript:"]').count(), 0);
  const [width, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width <= window, `the page is ${width} px wide in a window of ${window} px`);
}
